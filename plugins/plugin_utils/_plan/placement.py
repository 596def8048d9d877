# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which instance runs on which hosts, GPUs and slot: decided by the order of the inventory alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

from .errors import PlanError
from .gpus import Gpus, is_slice, is_uuid
from .inventory import Host
from .schema import Group
from .versions import Version


@dataclass(frozen=True)
class Placed:
    """One instance with its place. hosts: by rank; gpus: those on each host, by rank.

    on_host: its name on any of its hosts, the same on all of them: llama-0; slot: numbers the instances of a host
    across deployments and chooses the default ports; local: numbers the instances of its own group on that host, names
    its units and shifts ports that the user gave. None of them depends on hosts that are not its own.
    """

    on_host: str
    group: Group
    hosts: tuple[Host, ...]
    gpus: tuple[Gpus, ...]
    slot: int
    local: int

    @property
    def name(self) -> str:
        """Its name among all instances: llama-0@gpu01, after the host of rank 0."""
        return f"{self.on_host}@{self.hosts[0].name}"

    @property
    def unit(self) -> str:
        """The name of its units."""
        return f"sglang-{self.on_host}"


@dataclass
class Occupancy:
    """What earlier instances took of each host: how many GPUs, which slots, and by whom."""

    gpus: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    slots: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    owners: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def take(self, hosts: Sequence[Host], gpus: int, owner: str) -> tuple[tuple[Gpus, ...], int]:
        """Reserve so many GPUs on every host; return them, by host, and the lowest slot that is free on all."""
        chosen = tuple(tuple(host.gpus[self.gpus[host.name] :][:gpus]) for host in hosts)
        used = set().union(*(self.slots[host.name] for host in hosts))
        slot = next(number for number in count() if number not in used)
        for host in hosts:
            self.gpus[host.name] += gpus
            self.slots[host.name].add(slot)
            self.owners[host.name].append(owner)
        return chosen, slot


def check_shape(group: Group, version: Version) -> None:
    """Refuse sizes that SGLang cannot start, whatever the hosts are."""
    at, total = group.where, group.tp_size * group.pp_size
    if total % group.nnodes:
        raise PlanError(
            f"{at}.tp_size: {group.tp_size} x pp_size {group.pp_size} = {total} processes do not divide over "
            f"nnodes {group.nnodes}; make tp_size x pp_size a multiple of nnodes"
        )
    if group.pp_size % group.nnodes and group.nnodes % group.pp_size:
        # SGLang splits by whole quotients: some ranks would never start, or more processes than GPUs would.
        raise PlanError(
            f"{at}.pp_size: {group.pp_size} pipeline stages do not split over nnodes {group.nnodes}; set pp_size to a "
            "multiple or a divisor of nnodes"
        )
    if group.dp_size > 1 and group.nnodes > 1:
        raise PlanError(
            f"{at}.dp_size: {group.dp_size} replicas cannot span nnodes {group.nnodes}; set attn_dp_size for "
            "attention data parallelism, or use more instances"
        )
    if group.dp_size > 1 and group.attn_dp_size > 1:
        raise PlanError(
            f"{at}.dp_size: {group.dp_size} replicas and attn_dp_size {group.attn_dp_size} exclude each other; "
            "set one of them"
        )
    if group.tp_size % group.attn_dp_size:
        raise PlanError(
            f"{at}.attn_dp_size: {group.attn_dp_size} does not divide tp_size {group.tp_size}; "
            f"choose a divisor of {group.tp_size}"
        )
    if group.tp_size % group.ep_size:
        raise PlanError(
            f"{at}.ep_size: {group.ep_size} does not divide tp_size {group.tp_size}; choose a divisor of "
            f"{group.tp_size}"
        )
    if (
        group.instances_per_host
        and group.instances_per_host > 1
        and group.instances is not None
        and group.instances < group.instances_per_host
    ):
        raise PlanError(
            f"{at}.instances_per_host: {group.instances_per_host} is more than instances {group.instances}; lower it"
        )


def place(group: Group, hosts: Sequence[Host], taken: Occupancy) -> list[Placed]:
    """Place the instances of a group: hosts in inventory order, nnodes at a time, each filled before the next."""
    if group.instances is None and len(hosts) % group.nnodes:
        raise PlanError(
            f"{group.where}.hosts: {len(hosts)} hosts are not a multiple of nnodes {group.nnodes}; add "
            f"{group.nnodes - len(hosts) % group.nnodes} or remove {len(hosts) % group.nnodes}, "
            "or set instances to leave hosts unused"
        )
    _check_gpus(group, hosts)
    prefix = group.deployment if group.role == "server" else f"{group.deployment}-{group.role}"
    instances: list[Placed] = []
    for start in range(0, len(hosts) - group.nnodes + 1, group.nnodes):
        block = hosts[start : start + group.nnodes]
        for local in range(_fit(group, block, taken)):
            if len(instances) == group.instances:
                return instances
            on_host = f"{prefix}-{local}"
            gpus, slot = taken.take(block, group.gpus_per_host, on_host)
            instances.append(Placed(on_host, group, tuple(block), gpus, slot, local))
    if group.instances is not None and len(instances) < group.instances:
        raise _too_many(group, hosts, taken, len(instances))
    return instances


def _too_many(group: Group, hosts: Sequence[Host], taken: Occupancy, found: int) -> PlanError:
    if not found:
        return _full(group, hosts[0], taken)
    return PlanError(
        f"{group.where}.instances: {group.instances} instances of nnodes {group.nnodes} x {group.gpus_per_host} GPUs "
        "do not "
        f"fit on {len(hosts)} hosts; set instances: {found} or add hosts"
    )


def _full(group: Group, host: Host, taken: Occupancy) -> PlanError:
    owners = taken.owners[host.name]
    return PlanError(
        f"{group.where}.hosts: an instance needs {group.gpus_per_host} GPUs on {host.name}, but "
        f"{first_few(owners)} {'uses' if len(owners) == 1 else 'use'} {taken.gpus[host.name]} of its {len(host.gpus)}; "
        f"remove {host.name} from one of the groups, or set instances on the other"
    )


def _check_gpus(group: Group, hosts: Sequence[Host]) -> None:
    small = min(hosts, key=lambda host: len(host.gpus))
    count = len(small.gpus)
    if not count:
        raise PlanError(
            f"{group.where}.hosts: {small.name} has no GPU for deployments; correct its sglang_gpus_per_node or "
            "sglang_gpus, or take it out of hosts"
        )
    needs = group.tp_size * group.pp_size * group.dp_size
    if group.gpus_per_host > count:
        sizes = f"tp_size: {group.tp_size} x pp_size {group.pp_size}" + (
            f" x dp_size {group.dp_size}" if group.dp_size > 1 else ""
        )
        raise PlanError(
            f"{group.where}.{sizes} needs {needs} GPUs, but nnodes {group.nnodes} x {count} GPUs "
            f"({small.name}) = {group.nnodes * count}; "
            f"set nnodes: {-(-needs // count)} or lower tp_size"
        )
    for host in hosts:
        _check_uuids(group, host, needs)


def _check_uuids(group: Group, host: Host, needs: int) -> None:
    """Refuse what SGLang cannot do with GPUs that have no index."""
    if needs > 1 and is_slice(host.gpus[0]):
        raise PlanError(
            f"{group.where}.tp_size: an instance of {needs} processes cannot run on MIG slices ({host.name}), which "
            "do not reach each other; set tp_size, pp_size and dp_size to 1, and each slice gets an instance"
        )
    # Its custom all-reduce reads CUDA_VISIBLE_DEVICES as numbers.
    if group.gpus_per_host > 1 and is_uuid(host.gpus[0]):
        raise PlanError(
            f"{group.where}.tp_size: SGLang cannot use several GPUs on {host.name} by UUID; list their indexes in "
            "sglang_gpus"
        )


def _fit(group: Group, block: Sequence[Host], taken: Occupancy) -> int:
    free = min(block, key=lambda host: len(host.gpus) - taken.gpus[host.name])
    fitting = (len(free.gpus) - taken.gpus[free.name]) // group.gpus_per_host
    if fitting < 1 and group.instances is None:
        raise _full(group, free, taken)
    return min(fitting, group.instances_per_host or fitting)
