# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What prefill and decode need of each other: one transfer backend, the devices that it uses, and bootstrap servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.multinode.sglang.plugins.module_utils._base.paths import RUN_DIR
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Bootstrap, Option, Rank, find

from .env import is_true
from .errors import PlanError
from .gpus import is_uuid
from .intervals import Interval
from .inventory import Host
from .placement import Placed
from .schema import Group
from .versions import NIXL_DEVICES, RUST_BOOTSTRAP, Version, spell

DEFAULT_BACKEND = "mooncake"
# Instead of device names: Mooncake searches itself, and reports nothing where it finds none.
ANY_DEVICE = "auto"
# Instead of device names: each GPU uses the one that is nearest to it when the server starts.
NEAREST_DEVICE = "nearest"
# Options of decode that prefill heeds too.
BOTH_SIDES = ("disaggregation-decode-allocation-policy",)


# What to do where no device is named.
_NAME_DEVICES = (
    f"set it to {NEAREST_DEVICE} (each GPU uses the nearest device), or name them here or in sglang_ib_device of the "
    "host "
    "(mlx5_0,mlx5_1)"
)


def check_disaggregation(groups: Sequence[tuple[Group, Sequence[Host]]], version: Version) -> None:
    """Refuse prefill and decode groups that start but never transfer a KV cache."""
    backends = {group.role: group.disaggregation_transfer_backend or DEFAULT_BACKEND for group, _hosts in groups}
    if len(set(backends.values())) > 1:
        raise PlanError(
            f"deployments.{groups[0][0].deployment}: prefill transfers with {backends['prefill']} but decode with "
            f"{backends['decode']}; set the same disaggregation_transfer_backend on both"
        )
    for group, hosts in groups:
        _check_devices(group, hosts, backends[group.role], version)
        if serves_bootstrap_on_api(group):
            _check_rust(group, version)


def check_options(group: Group, options: Sequence[Option]) -> None:
    """Refuse options of decode among those of prefill, where SGLang ignores them."""
    if group.role != "prefill" or find(tuple(options), "enable-pd-role-switch"):
        return
    for option in options:
        if option.name.startswith("disaggregation-decode-") and option.name not in BOTH_SIDES:
            raise PlanError(
                f"{group.where}.server_args: --{option.name} is an option of decode; move it to the decode group"
            )


def _check_devices(group: Group, hosts: Sequence[Host], backend: str, version: Version) -> None:
    at = f"{group.where}.disaggregation_ib_device"
    for host in hosts:
        if ib_device(group, host) == NEAREST_DEVICE and is_uuid(host.gpus[0]):
            raise PlanError(
                f"{at}: {NEAREST_DEVICE} needs indexes of GPUs, but sglang_gpus of {host.name} lists UUIDs; list "
                "indexes, or name the devices"
            )
    given = [host for host in hosts if ib_device(group, host) is not None]
    if backend == "fake":
        raise PlanError(
            f"{group.where}.disaggregation_transfer_backend: fake transfers no KV cache; "
            "choose mooncake, mooncake_tcp or nixl"
        )
    if backend == "mooncake_tcp" and given:
        found = f"{given[0].name} has {ib_device(group, given[0])}"
        raise PlanError(f"{at}: mooncake_tcp does not use it ({found}); remove it, or choose mooncake for RDMA")
    if backend == "mooncake" and len(given) < len(hosts):
        lacking = next(host.name for host in hosts if host not in given)
        raise PlanError(
            f"{at}: mooncake transfers over RDMA, but no device is named for {lacking}; {_NAME_DEVICES}, or write "
            f"{ANY_DEVICE} to let Mooncake search, or choose mooncake_tcp for a network without RDMA"
        )
    if backend == "nixl":
        _check_nixl(group, hosts, at, version)


def _check_nixl(group: Group, hosts: Sequence[Host], at: str, version: Version) -> None:
    for host in hosts:
        device, variable = ib_device(group, host), "UCX_NET_DEVICES" in {**group.env, **host.env}
        if device is not None and version < NIXL_DEVICES:
            raise PlanError(
                f"{at}: nixl does not use it before SGLang {spell(NIXL_DEVICES)} ({host.name} has {device}); "
                "name the devices in env: {UCX_NET_DEVICES: ...} instead"
            )
        if device is not None and variable:
            raise PlanError(
                f"{at}: {host.name} has {device} and UCX_NET_DEVICES, of which nixl uses only the latter; remove one"
            )
        if device in (None, ANY_DEVICE) and not variable:
            raise PlanError(
                f"{at}: no device is named for {host.name}, and nixl may wait 300 s for each transfer then; "
                f"{_NAME_DEVICES}, or set UCX_NET_DEVICES in env"
            )


def ib_device(group: Group, host: Host) -> str | None:
    """Return what the user named for --disaggregation-ib-device on a host."""
    return host.ib_device or group.disaggregation_ib_device


def ib_devices_file(placed: Placed, rank: int) -> str:
    """Return the file with the device of each GPU, which the unit writes before each start; empty without it."""
    nearest = placed.group.role != "server" and ib_device(placed.group, placed.hosts[rank]) == NEAREST_DEVICE
    return f"{RUN_DIR}/{placed.unit}/ib_devices.json" if nearest else ""


def ib_device_option(placed: Placed, rank: int) -> list[Option]:
    """Return --disaggregation-ib-device for a rank; the host's own value comes before the group's."""
    device = ib_devices_file(placed, rank) or ib_device(placed.group, placed.hosts[rank])
    if placed.group.role == "server" or device in (None, ANY_DEVICE):
        return []
    return [Option("disaggregation-ib-device", (str(device),))]


def serves_bootstrap_on_api(group: Group) -> bool:
    """Tell whether the rust server answers for the bootstrap server on the port of the API."""
    return group.role == "prefill" and is_true(group.env, "SGLANG_RUST_SERVER")


def _check_rust(group: Group, version: Version) -> None:
    if group.bootstrap_port is not None:
        raise PlanError(
            f"{group.where}.bootstrap_port: with SGLANG_RUST_SERVER the bootstrap server answers on the port of the "
            "API; "
            "remove it"
        )
    if version < RUST_BOOTSTRAP:
        raise PlanError(
            f"{group.where}.env.SGLANG_RUST_SERVER: prefill with it needs SGLang {spell(RUST_BOOTSTRAP)}, but "
            "sglang_version "
            f"is {spell(version)}; remove it or raise the version"
        )


def bootstrap_port(ports: Mapping[str, Interval]) -> int:
    """Return the port that the bootstrap server of a prefill instance answers on."""
    return ports.get("bootstrap", ports["api"])[0]


def bootstrap(placed: Placed, ranks: tuple[Rank, ...], ports: Mapping[str, Interval]) -> Bootstrap:
    """Return where decode asks a prefill instance, and which ranks must have registered there."""
    leader = ranks[0]
    return Bootstrap(placed.unit, placed.name, leader.host, leader.address, bootstrap_port(ports), ranks)
