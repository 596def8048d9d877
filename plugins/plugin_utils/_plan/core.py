# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Put the plan together; what it returns holds only dicts, lists, strings, numbers and null."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .command import check_extra_ports, join_host_port, rank_argv, rank_environment, shared_words
from .errors import PlanError
from .intervals import Interval, join, merged, parse_intervals, text_of
from .inventory import Host, Inventory
from .options import is_given
from .placement import Instance, Occupancy, check_shape, place
from .ports import BASES, MOONCAKE, STRIDE, WHY, Claim, check_collisions, check_range, instance_ports
from .reach import instance_rules, rule, transfer_rules
from .schema import Deployment, Group, parse_deployments
from .versions import Version, parse_version, version_warnings


@dataclass(frozen=True)
class Settings:
    """What shapes a plan besides the deployments.

    version: the SGLang release on the hosts. env: environment of every unit. ephemeral: first and last port that the
    kernel hands out. reserved: ports that the hosts keep out of it, as in net.ipv4.ip_local_reserved_ports.
    """

    version: str
    env: Mapping[str, Any] = field(default_factory=dict)
    ephemeral: str = "32768-60999"
    reserved: str = ""


@dataclass
class _Draft:
    """What is collected while one deployment after the other is planned."""

    version: Version
    ephemeral: Interval
    reserved: list[Interval]
    inventory: Inventory
    hosts: dict[str, Host] = field(default_factory=dict)
    taken: Occupancy = field(default_factory=Occupancy)
    warnings: list[str] = field(default_factory=list)
    claims: dict[str, list[Claim]] = field(default_factory=lambda: defaultdict(list))
    units: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    rules: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    routers: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def resolve(self, hosts: str | list[str], where: str) -> list[Host]:
        """Return the hosts behind a group name; each host's variables are read once."""
        names = self.inventory.resolve(hosts, where)
        for name in names:
            if name not in self.hosts:
                self.hosts[name] = self.inventory.host(name)
        return [self.hosts[name] for name in names]


def build_plan(deployments: Any, inventory: Inventory, settings: Settings) -> dict[str, Any]:
    """Return the plan, or raise PlanError with a sentence for each thing that cannot work."""
    version = parse_version(settings.version)
    ephemeral = parse_intervals(settings.ephemeral, "sglang_plan_ephemeral_ports")
    if len(ephemeral) != 1:
        raise PlanError(f'sglang_plan_ephemeral_ports: {settings.ephemeral!r} is not one range; write it as in "32768-60999"')
    reserved = merged(parse_intervals(settings.reserved, "sglang_plan_reserved_ports"))
    draft = _Draft(version, ephemeral[0], reserved, inventory, warnings=version_warnings(version))
    parsed, refusals = parse_deployments(deployments, settings.env)
    planned = {}
    for deployment in parsed:
        try:
            planned[deployment.name] = _plan_deployment(deployment, draft)
        except PlanError as error:
            refusals += error.sentences
    refusals += _conflicts(planned, draft)
    if refusals:
        raise PlanError(*refusals)
    return {
        "sglang_version": settings.version,
        "ephemeral_ports": text_of(draft.ephemeral),
        "dynamic_ports": {"ephemeral": text_of(draft.ephemeral), "mooncake": text_of(MOONCAKE)},
        "port_reasons": dict(WHY),
        "warnings": draft.warnings,
        "deployments": planned,
        "hosts": {name: _host_entry(name, draft) for name in draft.hosts},
    }


def _plan_deployment(deployment: Deployment, draft: _Draft) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "model": deployment.model,
        "served_model": deployment.served_model_name or deployment.model,
        "instances": [],
        "routers": [],
    }
    placed: list[tuple[Group, list[Instance]]] = []
    for group in deployment.groups:
        check_shape(group, draft.version)
        check_extra_ports(group)
        placed.append((group, place(group, draft.resolve(group.hosts, f"{group.where}.hosts"), draft.taken)))
    addresses = {group.role: sorted({host.address for instance in instances for host in instance.hosts}) for group, instances in placed}
    for group, instances in placed:
        head, tail = shared_words(deployment, group, draft.version, draft.warnings)
        for instance in instances:
            entry["instances"].append(_plan_instance(deployment, instance, head, tail, addresses, draft))
    entry["routers"] = _plan_routers(deployment, draft)
    return entry


def _plan_instance(
    deployment: Deployment, instance: Instance, head: list[str], tail: list[str], addresses: Mapping[str, list[str]], draft: _Draft
) -> dict[str, Any]:
    group, ports = instance.group, instance_ports(instance)
    check_range(ports.items(), f"{group.where}, {instance.name} on {instance.hosts[0].name}", draft.ephemeral, draft.reserved)
    rules = instance_rules(instance, ports, draft.ephemeral)
    if group.role != "server":
        rules += transfer_rules(instance, ports, addresses["prefill"], addresses["decode"], draft.ephemeral)
    ranks = [{"host": host.name, "address": host.address} for host in instance.hosts]
    scheme = "https" if is_given(group.server_args, "ssl-certfile") else "http"
    shared = {
        "name": f"sglang-{instance.name}",
        "instance": instance.name,
        "deployment": deployment.name,
        "role": group.role,
        "nnodes": group.nnodes,
        "slot": instance.slot,
        "ranks": ranks,
        "api_port": ports["api"][0],
        "scheme": scheme,
        "ports": {name: text_of(interval) for name, interval in ports.items()},
        "model": deployment.model,
        "served_model": deployment.served_model_name or deployment.model,
    }
    units = [
        {
            **shared,
            "rank": rank,
            "host": host.name,
            "address": host.address,
            "gpus": list(range(instance.base_gpus[rank], instance.base_gpus[rank] + group.gpus_per_host)),
            "interface": host.interface,
            "argv": rank_argv(head, tail, instance, rank, ports),
            "environment": rank_environment(instance, rank),
        }
        for rank, host in enumerate(instance.hosts)
    ]
    digest = _digest(draft.version, units)
    for unit, host in zip(units, instance.hosts, strict=True):
        unit["digest"] = digest
        draft.units[host.name].append(unit)
        draft.rules[host.name] += rules
        draft.claims[host.name] += [(interval, instance.name, name) for name, interval in ports.items()]
    return {
        **{key: shared[key] for key in ("name", "instance", "role", "nnodes", "ranks", "api_port", "ports")},
        "url": f"{scheme}://{join_host_port(ranks[0]['address'], ports['api'][0])}",
        "digest": digest,
    }


def _plan_routers(deployment: Deployment, draft: _Draft) -> list[dict[str, Any]]:
    if deployment.router is None:
        return []
    where, out = f"deployments.{deployment.name}.router", []
    for host in draft.resolve(deployment.router.hosts, f"{where}.hosts"):
        port = deployment.router.port or BASES["router"] + draft.routers[host.name] * STRIDE
        draft.routers[host.name] += 1
        check_range([("router", (port, port))], f"{where} on {host.name}", draft.ephemeral, draft.reserved)
        draft.claims[host.name].append(((port, port), f"{deployment.name}-router", "router"))
        draft.rules[host.name].append(rule("clients", str(port), f"{deployment.name}: the router"))
        out.append({"host": host.name, "address": host.address, "port": port, "options": dict(deployment.router.options)})
    return out


def _digest(version: Version, units: Iterable[Mapping[str, Any]]) -> str:
    """Hash everything that any rank of an instance depends on."""
    text = json.dumps(
        [version, [(unit["host"], unit["argv"], unit["environment"], unit["ports"]) for unit in units]], sort_keys=True, default=str
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _conflicts(planned: Mapping[str, Mapping[str, Any]], draft: _Draft) -> list[str]:
    """Find what only shows when all deployments are seen together."""
    owners: dict[str, str] = {}
    found = []
    for name, entry in planned.items():
        for instance in entry["instances"]:
            other = owners.setdefault(instance["name"], name)
            if other != name:
                found.append(
                    f"deployments.{name}: its unit {instance['name']} has the same name as one of deployments.{other}; rename one of them"
                )
    addresses: dict[str, str] = {}
    for host in draft.hosts.values():
        other = addresses.setdefault(host.address, host.name)
        if other != host.name:
            found.append(f"host {host.name}: its cluster address {host.address} is also that of {other}; give each host its own")
    return found or check_collisions(draft.claims)


def _host_entry(name: str, draft: _Draft) -> dict[str, Any]:
    units = draft.units[name]
    return {
        "address": draft.hosts[name].address,
        "units": units,
        "unit_names": [unit["name"] for unit in units],
        "reserved_ports": join(interval for interval, _owner, _name in draft.claims[name]),
        "reach": draft.rules[name],
    }
