# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Who has a port or a GPU, and how to end it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base import ours
from ansible_collections.multinode.sglang.plugins.module_utils._release.service import unit_of


def strays(node: Mapping[str, Any], planned: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the units of this collection on a host that its plan does not have any more."""
    names = {service.rpartition(".")[0] for service in services(planned)}
    return ours.strays(node.get("units") or [], names)


def stopped(node: Mapping[str, Any], planned: Mapping[str, Any], prune: bool) -> set[str]:
    """Return the services that a deploy stops before it starts anything: those of the plan, and strays."""
    found = strays(node, planned) if prune else []
    return services(planned) | {f"{unit['name']}.service" for unit in found}


def services(planned: Mapping[str, Any]) -> set[str]:
    """Return the services that the plan has on a host, those of deployments that are left out and copies included."""
    # A copy that an earlier run has left behind is stopped and resumed by the next one.
    copies = {unit_of(release["name"]) for release in planned["releases"]}
    names = [unit["name"] for unit in (*planned["units"], *planned["routers"])]
    names += [*planned["left_out_units"], *planned["left_out_routers"]]
    return copies | {f"{name}.service" for name in names}


def who(owner: Mapping[str, Any]) -> str:
    """Return how messages name a process."""
    if not owner.get("pid"):
        return "a process that this user cannot see"
    unit = f", unit {owner['unit']}" if owner.get("unit") else ""
    return f"process {owner['pid']} ({owner.get('command')}) of {owner.get('user') or 'another user'}{unit}"


def ending(owner: Mapping[str, Any]) -> str:
    """Return how to end a process, but never by stopping the service of the login that it was started from."""
    unit = owner.get("unit") or ""
    if unit.endswith(".service") and not unit.startswith(("ssh", "user@")):
        return f"stop it (sudo systemctl stop {unit})"
    return f"end it (sudo kill {owner['pid']})" if owner.get("pid") else "find it and end it (sudo ss -ltnp)"
