# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""One deployment of the plan: its instances with all their ranks, and its routers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import count

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import (
    Bootstrap,
    Command,
    DeploymentPlan,
    Instance,
    Option,
    Rank,
    RouterAddress,
    ServerUnit,
    Worker,
)
from ansible_collections.multinode.sglang.plugins.module_utils._plan.words import words

from .disaggregation import bootstrap, check_disaggregation, check_options, ib_devices_file
from .draft import Draft
from .env import SECRET, secrets
from .intervals import text_of
from .inventory import Host
from .listeners import Listener, check_families, check_host, is_loopback
from .placement import Placed, check_shape, place
from .ports import check_dynamic, instance_ports
from .programs import SGLANG
from .reach import deployment_peers, inner_ports, instance_rules, listener_peers, router_rules, transfer_rules
from .routers import routing, worker
from .schema import Deployment, Group, Router
from .servers import Shared, check_extra_ports, rank_environment, rank_options, shared_options
from .tables import is_listed, unlisted
from .versions import Version, parse_version


def plan_deployment(deployment: Deployment, draft: Draft) -> DeploymentPlan:
    """Place the instances and routers of one deployment, and add them to the draft."""
    release, version = _release(deployment, draft)
    placed: list[tuple[Group, list[Placed]]] = []
    for group in deployment.groups:
        check_shape(group, version)
        check_extra_ports(group, version)
        placed.append((group, place(group, draft.resolve(group.hosts, f"{group.where}.hosts"), draft.taken)))
    shared = {group.role: shared_options(deployment, group, version, draft.warnings) for group, _instances in placed}
    used = {group.role: (group, _hosts_of(instances)) for group, instances in placed}
    routers = _router_hosts(deployment, draft)
    if len(placed) > 1:
        check_disaggregation(list(used.values()), version)
        for role, (_group, hosts) in used.items():
            draft.add_peers(f"{role} {deployment.name}", sorted(hosts, key=lambda host: host.address))
    for group, hosts in used.values():
        check_host(group.host, _addresses(hosts), f"{group.where}.host", own_only=True)
    peers = draft.add_peers(f"routers {deployment.name}", routers) if routers else ""
    everybody = _hosts_of([one for _group, instances in placed for one in instances])
    entry = _Entry(
        deployment, draft, release, peers, list({host.name: host for host in [*everybody, *routers]}.values())
    )
    for group, instances in placed:
        check_options(group, shared[group.role].tail)
        entry.add_group(group, instances, shared[group.role], version)
    if deployment.router:
        entry.add_routers(deployment.router, routers)
    exposed = sorted({name for group, _instances in placed for name in secrets(group.env)})
    if exposed:
        draft.warnings.append(
            f"{deployment.where}.env: {', '.join(exposed)} can be read on the hosts and in the output of Ansible; "
            f"move it to sglang_server_secrets: {{{deployment.name}: {{env: ...}}}}"
        )
    if len(placed) > 1 and not deployment.router:
        draft.warnings.append(
            f"{deployment.where}: prefill and decode answer no request without a router; add router:, or run one of "
            "your own"
        )
    return entry.plan()


def _release(deployment: Deployment, draft: Draft) -> tuple[str, Version]:
    """Return the release of SGLang that a deployment runs: its own, or that of all others."""
    own, where = deployment.sglang_version, f"{deployment.where}.sglang_version"
    if own is None:
        return draft.site.sglang_version, draft.site.version
    version = parse_version(own, where)
    draft.warnings += unlisted(SGLANG, version, where)
    return own, version


def _unread(group: Group, release: str, instances: list[Placed], shared: Shared) -> Command:
    """Return a command that stands for all instances of a group, which differ in ports and addresses only."""
    options = rank_options(shared, instances[0], 0, instance_ports(instances[0], shared.ports))
    hosts = dict.fromkeys(instance.hosts[0].name for instance in instances)
    environment = {name: value for name, value in rank_environment(instances[0], 0).items() if not SECRET.search(name)}
    return Command(group.where, release, tuple(words(options)), environment, tuple(hosts))


def _router_hosts(deployment: Deployment, draft: Draft) -> list[Host]:
    router = deployment.router
    return draft.resolve(router.hosts, f"{deployment.where}.router.hosts") if router else []


def _addresses(hosts: Iterable[Host]) -> list[tuple[str, str]]:
    return [(host.name, host.address) for host in hosts]


def _hosts_of(instances: Iterable[Placed]) -> list[Host]:
    return list({host.name: host for instance in instances for host in instance.hosts}.values())


class _Entry:
    """One deployment of the plan while its instances and routers are added."""

    def __init__(self, deployment: Deployment, draft: Draft, release: str, routers: str, everybody: list[Host]) -> None:
        """Begin without any. routers: the set of its routers that rules name, empty without them.

        everybody: all hosts, those of routers included.
        """
        self._everybody = everybody
        self._deployment, self._draft, self._release, self._router_peers = deployment, draft, release, routers
        self._instances: list[Instance] = []
        self._workers: list[Worker] = []
        self._bootstrap: list[Bootstrap] = []
        self._routers: list[RouterAddress] = []
        self._unread: list[Command] = []

    def plan(self) -> DeploymentPlan:
        """Return the deployment."""
        return DeploymentPlan(
            self._deployment.model,
            self._deployment.served_model,
            tuple(self._instances),
            tuple(self._bootstrap),
            tuple(self._routers),
            tuple(self._unread),
        )

    def add_group(self, group: Group, instances: list[Placed], shared: Shared, version: Version) -> None:
        """Plan all instances of a group."""
        for listener in group.listeners:
            self._name_peers(group, listener)
        for instance in instances:
            self.add_instance(instance, shared)
        if not is_listed(SGLANG, version):
            self._unread.append(_unread(group, self._release, instances, shared))

    def _name_peers(self, group: Group, listener: Listener) -> None:
        """Name the hosts that may connect to a listener; they need not be hosts of the plan."""
        if isinstance(listener.sources, tuple):
            inventory, where = self._draft.inventory, f"{group.where}.{listener.port_name}.from"
            hosts = [inventory.host(name) for name in inventory.resolve(list(listener.sources), where)]
            self._draft.add_peers(listener_peers(group, listener), hosts)

    def add_instance(self, placed: Placed, shared: Shared) -> None:
        """Plan all ranks of one instance."""
        draft, group = self._draft, placed.group
        check_families(_addresses(placed.hosts), f"{group.where}.hosts")
        ports = instance_ports(placed, shared.ports)
        draft.check_range(ports, f"{group.where}, {placed.on_host} on {placed.hosts[0].name}")
        if inner_ports(ports):
            draft.add_peers(deployment_peers(group), self._everybody)
        rules = instance_rules(placed, ports, self._router_peers, draft.site.ephemeral)
        if group.role != "server":
            check_dynamic(ports, f"{group.where}, {placed.on_host} on {placed.hosts[0].name}")
            rules += transfer_rules(placed, ports, draft.site.ephemeral)
        if len(placed.hosts) > 1 or group.role == "prefill":
            draft.add_peers(f"instance {placed.name}", placed.hosts)
        ranks = tuple(Rank(host.name, host.address) for host in placed.hosts)
        if group.role == "prefill":
            self._bootstrap.append(bootstrap(placed, ranks, ports))
        if self._deployment.router:
            self._workers.append(worker(placed, shared.scheme, ports))
        texts = {name: text_of(interval) for name, interval in ports.items()}
        commands = [
            (rank_options(shared, placed, rank, ports), rank_environment(placed, rank)) for rank in range(len(ranks))
        ]
        instance = Instance(
            name=placed.unit,
            instance=placed.name,
            role=group.role,
            nnodes=group.nnodes,
            ranks=ranks,
            api_port=ports["api"][0],
            scheme=shared.scheme,
            ports=texts,
            digest=_digest(self._release, ranks, commands, texts),
        )
        self._instances.append(instance)
        for rank, (options, environment) in enumerate(commands):
            on_host = draft.hosts[ranks[rank].host]
            on_host.units.append(self._unit(placed, instance, rank, options, environment))
            on_host.rules += rules
            on_host.claim(ports, placed.on_host)
            if self._deployment.entry:
                on_host.models[self._deployment.entry.name] = self._deployment.entry

    def _unit(
        self, placed: Placed, instance: Instance, rank: int, options: tuple[Option, ...], environment: dict[str, str]
    ) -> ServerUnit:
        host, gpus = placed.hosts[rank], placed.gpus[rank]
        return ServerUnit(
            name=instance.name,
            instance=instance.instance,
            deployment=self._deployment.name,
            role=instance.role,
            rank=rank,
            nnodes=instance.nnodes,
            slot=placed.slot,
            host=host.name,
            address=host.address,
            interface=host.interface or "",
            ranks=instance.ranks,
            gpus=tuple(gpu for gpu in gpus if isinstance(gpu, int)),
            gpu_uuids=tuple(gpu for gpu in gpus if isinstance(gpu, str)),
            ports=instance.ports,
            api_port=instance.api_port,
            scheme=instance.scheme,
            model=self._deployment.model,
            served_model=self._deployment.served_model,
            sglang_version=self._release,
            options=options,
            environment=environment,
            ib_devices_file=ib_devices_file(placed, rank),
            digest=instance.digest,
        )

    def add_routers(self, router: Router, hosts: list[Host]) -> None:
        """Plan the router on each of its hosts."""
        draft = self._draft
        found, warnings = routing(self._deployment, router, draft.site, draft.warnings).breaker(self._workers)
        draft.warnings += warnings
        workers = tuple(self._workers)
        check_host(router.host, _addresses(hosts), f"{found.where}.host", own_only=False)
        # One slot on all hosts: a name or an address in front of several routers needs one port.
        taken = {slot for host in hosts for slot in draft.hosts[host.name].router_slots}
        slot = next(number for number in count() if number not in taken)
        ports = found.ports(slot)
        for host in hosts:
            on_host = draft.hosts[host.name]
            on_host.router_slots.add(slot)
            draft.check_range(ports, f"{found.where} on {host.name}")
            unit = found.unit(host, ports, workers)
            on_host.routers.append(unit)
            on_host.claim(ports, unit.name)
            outside = {name: port for name, port in ports.items() if name != "router" or not is_loopback(unit.address)}
            on_host.rules += router_rules(unit.name, outside, self._router_peers)
            self._routers.append(RouterAddress(unit.name, host.name, unit.address, unit.port, unit.scheme, unit.ports))


def _digest(
    release: str,
    ranks: Iterable[Rank],
    commands: Iterable[tuple[tuple[Option, ...], dict[str, str]]],
    ports: dict[str, str],
) -> str:
    """Hash everything that any rank of an instance depends on."""
    each = [
        (rank.host, [(option.name, option.values) for option in options], sorted(environment.items()))
        for rank, (options, environment) in zip(ranks, commands, strict=True)
    ]
    return hashlib.sha256(repr((release, each, ports)).encode()).hexdigest()
