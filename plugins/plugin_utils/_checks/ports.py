# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The planned ports of a host: free, and never handed out by the kernel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import join, overlap, parse, without

from .finding import Finding, plural, section
from .owners import ending, who

Planned = Mapping[str, Any]


def findings(
    node: dict[str, Any], planned: Planned, ephemeral: str, known: Collection[str], ours: int | None
) -> list[Finding]:
    """Return what is wrong with the ports.

    ephemeral: the range of the plan. known: the services that a deploy stops first. ours: the process of our listeners.
    """
    return [*_taken(node, planned, known, ours), *_ephemeral(node, planned, ephemeral)]


def strangers(node: dict[str, Any], planned: Planned, known: Collection[str]) -> list[Mapping[str, Any]]:
    """Return who listens on a planned port and is none of the known services."""
    ranges = parse(planned["reserved_ports"])
    return [
        listener
        for listener in section(node, "listeners", [])
        if any(first <= listener["port"] <= last for first, last in ranges) and listener.get("unit") not in known
    ]


def _taken(node: dict[str, Any], planned: Planned, known: Collection[str], ours: int | None) -> Iterable[Finding]:
    by_owner: dict[Any, list[Mapping[str, Any]]] = {}
    for listener in strangers(node, planned, known):
        if ours is None or listener.get("pid") != ours:
            by_owner.setdefault(listener.get("pid"), []).append(listener)
    for listeners in by_owner.values():
        numbers = sorted({listener["port"] for listener in listeners})
        owner = listeners[0]
        verb = plural(len(numbers), "port {} is", "ports {} are").format(join((port, port) for port in numbers))
        expected = plural(len(numbers), "a free port", "free ports")
        fix = f"{ending(owner)}, or give the deployment other ports"
        yield Finding("ports", "taken", f"{verb} in use by {who(owner)}", expected, fix)


def _ephemeral(node: dict[str, Any], planned: Planned, assumed: str) -> Iterable[Finding]:
    known = section(node, "kernel", {}).get("ports") or {}
    ephemeral = known.get("ephemeral")
    if not ephemeral:
        return
    if ephemeral != assumed:
        sysctl = f"sudo sysctl net.ipv4.ip_local_port_range='{assumed.replace('-', ' ')}'"
        found = f"the kernel's ephemeral ports are {ephemeral}"
        expected = f"{assumed}, see sglang_plan_ephemeral_ports"
        fix = f"set sglang_plan_ephemeral_ports: {ephemeral}, or change the host ({sysctl})"
        yield Finding("ports", "range", found, expected, fix)
    inside = [
        interval
        for interval in parse(planned["reserved_ports"])
        if any(overlap(interval, other) for other in parse(ephemeral))
    ]
    exposed = without(inside, parse(known.get("reserved") or ""))
    if exposed:
        found = f"the ephemeral ports {ephemeral} include planned ports that are not reserved: {join(exposed)}"
        fix = "deploy with node_tuning_manage: true, or add them to net.ipv4.ip_local_reserved_ports"
        yield Finding("ports", "reserved", found, "", fix)
