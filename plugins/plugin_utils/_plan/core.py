# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Put the plan together; what it returns holds only dicts, lists, strings, numbers and null."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .catalog import parse_catalog
from .command import check_extra_ports, rank_argv, rank_environment, shared_words
from .disaggregation import bootstrap_entry, check_disaggregation
from .errors import PlanError
from .intervals import Interval, join, merged, parse_intervals, text_of
from .inventory import Host, Inventory
from .options import given
from .placement import Instance, Occupancy, check_shape, place
from .ports import MOONCAKE, WHY, Claim, check_collisions, check_range, instance_ports
from .programs import SGLANG, Program
from .reach import instance_rules, router_rules, transfer_rules
from .routing import Routing, check_reachable, choose_router, worker
from .schema import Deployment, Group, Router, parse_deployments
from .versions import Version, parse_version, version_warnings


@dataclass(frozen=True)
class Settings:
    """What shapes a plan besides the deployments.

    version: the SGLang release on the hosts. env: environment of every unit. ephemeral: first and last port that the
    kernel hands out. reserved: ports that the hosts keep out of it, as in net.ipv4.ip_local_reserved_ports. router_package,
    router_version: the router on the hosts. models: the models that deployments may name, as in sglang_models; models_root: the
    directory of their releases.
    """

    version: str
    env: Mapping[str, Any] = field(default_factory=dict)
    ephemeral: str = "32768-60999"
    reserved: str = ""
    router_package: str = "sglang-router"
    router_version: str = "0.3.2"
    models: Any = field(default_factory=dict)
    models_root: str = "/data/models"


@dataclass
class _Draft:
    """What is collected while one deployment after the other is planned."""

    version: Version
    router: tuple[str, Program, Version]
    ephemeral: Interval
    reserved: list[Interval]
    inventory: Inventory
    hosts: dict[str, Host] = field(default_factory=dict)
    taken: Occupancy = field(default_factory=Occupancy)
    warnings: list[str] = field(default_factory=list)
    claims: dict[str, list[Claim]] = field(default_factory=lambda: defaultdict(list))
    units: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    rules: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    routers: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

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
        raise PlanError(
            f'sglang_plan_ephemeral_ports: {settings.ephemeral!r} is not one range; write it as in "32768-60999"'
        )
    reserved = merged(parse_intervals(settings.reserved, "sglang_plan_reserved_ports"))
    router = choose_router(settings.router_package, settings.router_version)
    draft = _Draft(version, router, ephemeral[0], reserved, inventory, warnings=version_warnings(version))
    catalog = parse_catalog(settings.models, settings.models_root)
    parsed, refusals = parse_deployments(deployments, settings.env, catalog)
    hints = [(deployment, catalog.hint(deployment.model)) for deployment in parsed]
    draft.warnings += [
        f"deployments.{one.name}.model: {one.model!r} is not in sglang_models{hint}" for one, hint in hints if hint
    ]
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
        "models_root": catalog.root,
        "deployments": planned,
        "hosts": {name: _host_entry(name, draft) for name in draft.hosts},
    }


def _plan_deployment(deployment: Deployment, draft: _Draft) -> dict[str, Any]:
    placed: list[tuple[Group, list[Instance]]] = []
    for group in deployment.groups:
        check_shape(group, draft.version)
        check_extra_ports(group)
        placed.append((group, place(group, draft.resolve(group.hosts, f"{group.where}.hosts"), draft.taken)))
    used = [(group, _hosts_of(instances)) for group, instances in placed]
    routers = (
        draft.resolve(deployment.router.hosts, f"deployments.{deployment.name}.router.hosts")
        if deployment.router
        else []
    )
    if len(placed) > 1:
        check_disaggregation(used, draft.version)
    if len(placed) > 1 or routers:
        for group, hosts in used:
            check_reachable(group, hosts)
    peers = _Peers(
        {group.role: sorted({host.address for host in hosts}) for group, hosts in used},
        [host.address for host in routers],
    )
    entry = _Entry(deployment)
    for group, instances in placed:
        head, tail = shared_words(deployment, group, draft.version, draft.warnings)
        for instance in instances:
            _plan_instance(entry, instance, head, tail, peers, draft)
    if deployment.router:
        _plan_routers(entry, deployment.router, routers, draft)
    elif len(placed) > 1:
        draft.warnings.append(
            f"deployments.{deployment.name}: prefill and decode answer nobody without a router; add router:, or run one of your own"
        )
    return entry.as_dict()


def _hosts_of(instances: Iterable[Instance]) -> list[Host]:
    return list({host.name: host for instance in instances for host in instance.hosts}.values())


@dataclass(frozen=True)
class _Peers:
    """Addresses of a deployment: those of each role's hosts, and those of its routers."""

    of_role: Mapping[str, list[str]]
    routers: list[str]


@dataclass
class _Entry:
    """What the plan says of one deployment."""

    deployment: Deployment
    instances: list[dict[str, Any]] = field(default_factory=list)
    workers: list[dict[str, Any]] = field(default_factory=list)
    bootstrap: list[dict[str, Any]] = field(default_factory=list)
    routers: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        listed = {"instances": self.instances, "bootstrap": self.bootstrap, "routers": self.routers}
        return {"model": self.deployment.model, "served_model": self.deployment.served_model, **listed}


def _plan_instance(
    entry: _Entry, instance: Instance, head: list[str], tail: list[str], peers: _Peers, draft: _Draft
) -> None:
    group, ports = instance.group, instance_ports(instance)
    check_range(
        ports.items(), f"{group.where}, {instance.name} on {instance.hosts[0].name}", draft.ephemeral, draft.reserved
    )
    rules = instance_rules(instance, ports, peers.routers, draft.ephemeral)
    if group.role != "server":
        rules += transfer_rules(instance, ports, peers.of_role["prefill"], peers.of_role["decode"], draft.ephemeral)
    if group.role == "prefill":
        entry.bootstrap.append(bootstrap_entry(instance, ports))
    scheme = "https" if given(SGLANG, group.server_args, "ssl-certfile") else "http"
    one = worker(instance, scheme, ports)
    entry.workers.append(one)
    shared = {
        "name": f"sglang-{instance.name}",
        "instance": instance.name,
        "deployment": entry.deployment.name,
        "role": group.role,
        "nnodes": group.nnodes,
        "slot": instance.slot,
        "ranks": [{"host": host.name, "address": host.address} for host in instance.hosts],
        "api_port": ports["api"][0],
        "scheme": scheme,
        "ports": {name: text_of(interval) for name, interval in ports.items()},
        "model": entry.deployment.model,
        "served_model": entry.deployment.served_model,
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
    listed = {key: shared[key] for key in ("name", "instance", "role", "nnodes", "ranks", "api_port", "ports")}
    entry.instances.append({**listed, "url": one["url"], "digest": digest})


def _plan_routers(entry: _Entry, router: Router, hosts: Sequence[Host], draft: _Draft) -> None:
    routing = Routing(entry.deployment, router, *draft.router)
    own = routing.words(draft.warnings)
    warning = routing.breaker_warning(entry.workers)
    draft.warnings += [warning] if warning else []
    for host in hosts:
        ports = routing.ports(len(draft.routers[host.name]))
        check_range(ports.items(), f"{routing.where} on {host.name}", draft.ephemeral, draft.reserved)
        unit = routing.unit(host, ports, own, entry.workers)
        draft.routers[host.name].append(unit)
        draft.claims[host.name] += [(interval, unit["name"], name) for name, interval in ports.items()]
        draft.rules[host.name] += router_rules(unit["name"], ports, [other.address for other in hosts])
        entry.routers.append({key: unit[key] for key in ("name", "host", "address", "port", "url", "ports")})


def _digest(version: Version, units: Iterable[Mapping[str, Any]]) -> str:
    """Hash everything that any rank of an instance depends on."""
    text = json.dumps(
        [version, [(unit["host"], unit["argv"], unit["environment"], unit["ports"]) for unit in units]],
        sort_keys=True,
        default=str,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _conflicts(planned: Mapping[str, Mapping[str, Any]], draft: _Draft) -> list[str]:
    """Find what only shows when all deployments are seen together."""
    owners: dict[str, str] = {}
    found = []
    for name, entry in planned.items():
        for unit in dict.fromkeys(one["name"] for one in (*entry["instances"], *entry["routers"])):
            other = owners.setdefault(unit, name)
            if other != name:
                found.append(
                    f"deployments.{name}: its unit {unit} has the same name as one of deployments.{other}; rename one of them"
                )
    addresses: dict[str, str] = {}
    for host in draft.hosts.values():
        other = addresses.setdefault(host.address, host.name)
        if other != host.name:
            found.append(
                f"host {host.name}: its cluster address {host.address} is also that of {other}; give each host its own"
            )
    return found or check_collisions(draft.claims)


def _host_entry(name: str, draft: _Draft) -> dict[str, Any]:
    units = draft.units[name]
    return {
        "address": draft.hosts[name].address,
        "units": units,
        "unit_names": [unit["name"] for unit in units],
        "routers": draft.routers[name],
        "router_names": [router["name"] for router in draft.routers[name]],
        "reserved_ports": join(interval for interval, _owner, _name in draft.claims[name]),
        "reach": draft.rules[name],
    }
