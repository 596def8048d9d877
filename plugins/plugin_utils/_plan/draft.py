# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What is collected while one deployment after the other is planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import HostPlan, RouterUnit, Rule, ServerUnit

from . import releases
from .intervals import Interval, join
from .inventory import Host, Inventory, in_rank_order
from .models import Model
from .placement import Occupancy
from .ports import Claim, check_collisions, check_range
from .settings import Site
from .versions import by_age


@dataclass
class HostDraft:
    """What is planned on one host so far."""

    host: Host
    units: list[ServerUnit] = field(default_factory=list)
    routers: list[RouterUnit] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    models: dict[str, Model] = field(default_factory=dict)
    router_slots: set[int] = field(default_factory=set)

    def claim(self, ports: Mapping[str, Interval], owner: str) -> None:
        """Take ports for an instance or a router."""
        self.claims += [(interval, owner, name) for name, interval in ports.items()]


@dataclass
class Draft:
    """The plan so far. peers: name of a set of hosts -> their addresses."""

    site: Site
    inventory: Inventory
    warnings: list[str]
    hosts: dict[str, HostDraft] = field(default_factory=dict)
    taken: Occupancy = field(default_factory=Occupancy)
    peers: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def resolve(self, hosts: str | list[str], where: str) -> list[Host]:
        """Return the hosts that a word or a list names; each host's variables are read once."""
        names = self.inventory.resolve(hosts, where)
        for name in names:
            if name not in self.hosts:
                self.hosts[name] = HostDraft(self.inventory.host(name))
        return in_rank_order([self.hosts[name].host for name in names], where)

    def check_range(self, ports: Mapping[str, Interval], owner: str) -> None:
        """Refuse ports that cannot be had."""
        check_range(ports.items(), owner, self.site.ephemeral, self.site.reserved)

    def add_peers(self, name: str, hosts: Iterable[Host]) -> str:
        """Name a set of hosts for rules, and return the name."""
        self.peers[name] = tuple(host.address for host in hosts)
        return name

    def place_models(self) -> None:
        """Plan the copies of models, on the hosts that serve them and on those that the models name."""
        catalog = self.site.catalog
        for model in catalog.models.values():
            for name in model.hosts:
                for host in self.resolve(name, f"sglang_models.{model.name}.hosts"):
                    self.hosts[host.name].models[model.name] = model
        held = releases.holders(catalog, {name: draft.models for name, draft in self.hosts.items()})
        for name, hosts in held.items():
            if hosts:
                port = catalog.copy_ports()[name]
                self.check_range({"copy": (port, port)}, f"sglang_models_port, model {name}")
            if len(hosts) > 1:
                self.add_peers(f"model {name}", (self.hosts[host].host for host in hosts))
        for draft in self.hosts.values():
            found = releases.releases(catalog, draft.models.values(), draft.host)
            draft.claims += releases.claims(found)
            draft.rules += releases.copy_rules(found, held)

    def conflicts(self) -> list[str]:
        """Find what only shows when all hosts are seen together."""
        addresses: dict[str, str] = {}
        found = []
        for name, draft in self.hosts.items():
            other = addresses.setdefault(draft.host.address, name)
            if other != name:
                found.append(
                    f"host {name}: its cluster address {draft.host.address} is also that of {other}; give each host "
                    "its own"
                )
        return found or check_collisions({name: draft.claims for name, draft in self.hosts.items() if draft.claims})

    def host_plans(self) -> dict[str, HostPlan]:
        """Return the plan of each host."""
        return {name: self._host_plan(draft) for name, draft in self.hosts.items()}

    def _host_plan(self, draft: HostDraft) -> HostPlan:
        catalog = self.site.catalog
        models = [model for name, model in catalog.models.items() if name in draft.models]
        return HostPlan(
            address=draft.host.address,
            units=tuple(draft.units),
            sglang_versions=tuple(sorted({unit.sglang_version for unit in draft.units}, key=by_age)),
            routers=tuple(draft.routers),
            reserved_ports=join(interval for interval, _owner, _name in draft.claims),
            reach=tuple(dict.fromkeys(draft.rules)),
            releases=releases.releases(catalog, models, draft.host),
            mounts=releases.mounts(models),
        )
