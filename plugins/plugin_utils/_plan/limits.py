# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Acting on a part of a plan: on some deployments, or on the hosts that --limit and serial leave."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import (
    HostPlan,
    Mount,
    Plan,
    Release,
    ServerUnit,
)

from .errors import PlanError, nearest

# What makes a name a pattern, whose matches nobody can foresee.
PATTERN = re.compile(r"[*?!&~\[]")


def parse_only(text: str, plan: Plan) -> list[str]:
    """ "llama, deepseek" -> the deployments to act on; "" is all of them."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in plan.deployments:
            hint = nearest(name, plan.deployments) or f"; choose from {first_few(plan.deployments)}"
            raise PlanError(f"sglang_plan_only: there is no deployment {name!r}{hint}")
    return names or list(plan.deployments)


def check_removed(hosts: Any, groups: Mapping[str, Sequence[str]]) -> None:
    """Refuse to clean hosts that the inventory does not have. hosts: a list, or names and patterns as in --limit."""
    names = hosts if isinstance(hosts, (list, tuple)) else re.split(r"[,:]", str(hosts))
    known = [*groups, *groups.get("all", ())]
    for name in (str(one).strip() for one in names):
        if name and not PATTERN.search(name) and name not in known:
            hint = nearest(name, known) or "; correct the name, or put the host back to clean it"
            raise PlanError(f"sglang_remove_hosts: the inventory has no host or group {name!r}{hint}")


def select(plan: Plan, only: Collection[str]) -> Plan:
    """Return the plan of some deployments, without the hosts on which they have nothing.

    A host that others share keeps all rules and reserved ports, and the names of what is left out.
    """
    if set(only) == set(plan.deployments):
        return plan
    served, left = _stores(plan, set(only)), _stores(plan, set(plan.deployments) - set(only))
    narrowed = {name: _narrowed(host, only, served, left - served) for name, host in plan.hosts.items()}
    return replace(
        plan,
        deployments={name: entry for name, entry in plan.deployments.items() if name in only},
        left_out=tuple(name for name in plan.deployments if name not in only),
        hosts={
            name: host
            for name, host in narrowed.items()
            if host.units or host.routers or any(one.store in served for one in host.releases)
        },
    )


def _stores(plan: Plan, deployments: Collection[str]) -> set[str]:
    """Return the stores of the models that deployments serve, on any host."""
    return {
        release.store
        for host in plan.hosts.values()
        for release in host.releases
        if any(unit.deployment in deployments and _serves(unit, release.store) for unit in host.units)
    }


def _narrowed(host: HostPlan, only: Collection[str], served: Collection[str], left: Collection[str]) -> HostPlan:
    """Return what a host has of some deployments. served: stores of their models; left: of models of others only."""
    units = tuple(unit for unit in host.units if unit.deployment in only)
    # A model that nobody serves is on this host of its own accord: its hosts: name it.
    releases = tuple(one for one in host.releases if one.store in served or one.store not in left)
    return replace(
        host,
        units=units,
        left_out_units=tuple(unit.name for unit in host.units if unit.deployment not in only),
        routers=tuple(router for router in host.routers if router.deployment in only),
        left_out_routers=tuple(router.name for router in host.routers if router.deployment not in only),
        releases=releases,
        mounts=tuple(mount for mount in host.mounts if _needs(mount, units, releases)),
    )


def _serves(unit: ServerUnit, store: str) -> bool:
    return unit.model.startswith(f"{store}/")


def _needs(mount: Mount, units: Iterable[ServerUnit], releases: Iterable[Release]) -> bool:
    """Tell whether something is read from below a mount."""
    paths = [*(unit.model for unit in units), *(one.source for one in releases)]
    return any(f"{path}/".startswith(f"{mount.path}/") for path in paths)


def check_whole_instances(plan: Plan, present: Collection[str]) -> None:
    """Refuse to act on a part of the ranks of an instance: they start, stop and change together."""
    here, sentences = set(present), []
    for entry in plan.deployments.values():
        for instance in entry.instances:
            hosts = [rank.host for rank in instance.ranks]
            missing = [host for host in hosts if host not in here]
            if missing and len(missing) < len(hosts):
                sentences.append(
                    f"instance {instance.instance}: --limit or serial leaves out {first_few(missing)} of its hosts "
                    f"{first_few(hosts)}, whose ranks only work together; add {first_few(missing)}, "
                    "or leave out the whole instance"
                )
    if sentences:
        raise PlanError(*sentences)
