# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The preflight report: a row for each host, what differs, and a sentence for each finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._checks import files, nccl
from .._checks.finding import ERROR, plural, section
from .._checks.peers import reached
from .._checks.same import Difference
from .table import table

# Area of a finding -> title of its column. An area without a column is in the sentences only.
COLUMNS = {
    "gpus": "GPUS",
    "driver": "DRIVER",
    "nccl": "NCCL",
    "runtime": "SGLANG",
    "model": "MODEL",
    "rdma": "RDMA",
    "mtu": "MTU",
    "address": "ADDRESS",
    "clock": "CLOCK",
    "space": "FREE",
    "ports": "PORTS",
    "settings": "SETTINGS",
    "peers": "PEERS",
}
MARK = " !"
NONE = "-"
LEGEND = f"{NONE}  the host has none, or it was not checked"


@dataclass(frozen=True)
class Host:
    """A host with its facts (None if it did not answer), the result of its connections, and its findings.

    planned: its entry in the plan.
    """

    name: str
    node: dict[str, Any] | None
    connections: Mapping[str, Any] | None
    findings: list[dict[str, Any]]
    planned: Mapping[str, Any] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """Return the number of errors; warnings do not count."""
        return sum(1 for finding in self.findings if finding["severity"] == ERROR)

    @property
    def verdict(self) -> str:
        """Return the last column."""
        if self.node is None:
            return "no answer"
        return f"{self.errors} {plural(self.errors, 'error')}" if self.errors else "ok"


def cells(host: Host) -> dict[str, str]:
    """Return area -> text of the columns of a host, without marks."""
    node = host.node or {}
    cluster = section(node, "network", {}).get("cluster") or {}
    clock = section(node, "clock", {})
    libraries, runtimes = nccl.loaded(section(node, "nccl", [])), section(node, "runtimes", [])
    return {
        "gpus": _gpus(node),
        "driver": section(node, "driver", {}).get("userspace") or NONE,
        "nccl": _listed(entry.get("version") for entry in libraries),
        "runtime": _listed(entry["sglang"] for entry in runtimes),
        "rdma": _rdma(node),
        "mtu": str(cluster.get("mtu") or NONE),
        "address": str(cluster.get("address") or NONE),
        "clock": _clock(clock),
        "space": _free_space(node),
        "model": "ok" if host.planned and files.seen(node, host.planned) else NONE,
        "ports": NONE if node.get("listeners") is None else "ok",
        "settings": NONE if node.get("kernel") is None else "ok",
        "peers": reached(host.connections) if host.connections else NONE,
    }


def _clock(clock: Mapping[str, Any]) -> str:
    """Return what keeps the clock, or that it was compared with the controller's at least."""
    return clock.get("source") or ("synced" if clock.get("synchronized") else "ok" if clock.get("controller") else NONE)


def _listed(versions: Iterable[str | None]) -> str:
    return ", ".join(dict.fromkeys(filter(None, versions))) or NONE


def _gpus(node: dict[str, Any]) -> str:
    names = [entry["name"] for entry in section(node, "gpu", {}).get("gpus", []) if not entry["lost"]]
    short_name = (names[0] or "GPU").removeprefix("NVIDIA ").split(" ")[0] if names else ""
    return f"{len(names)} x {short_name}" if names else NONE


def _rdma(node: dict[str, Any]) -> str:
    rates = [
        port["rate_gbps"] or 0
        for device in section(node, "rdma", {}).get("devices", [])
        for port in device["ports"]
        if port["usable"]
    ]
    return f"{len(rates)} x {max(rates):g}G" if rates else NONE


def _free_space(node: dict[str, Any]) -> str:
    free = [disk["free_mib"] for disk in section(node, "disks", []) if disk["free_mib"] is not None]
    return f"{min(free) / 1024:.0f} GiB" if free else NONE


def row(host: Host) -> list[str]:
    """Return the row of a host; cells with an error have a mark."""
    if host.node is None:
        return [host.name, *("?" for _column in COLUMNS), host.verdict]
    marked = {finding["area"] for finding in host.findings if finding["severity"] == ERROR}
    shown = cells(host)
    return [host.name, *(shown[area] + (MARK if area in marked else "") for area in COLUMNS), host.verdict]


def render(hosts: Iterable[Host], differences: Iterable[Difference]) -> tuple[str, list[str], list[str]]:
    """Return the tables, the sentences of errors, and those of warnings."""
    every = list(hosts)
    lines = table(["HOST", *COLUMNS.values(), "VERDICT"], (row(host) for host in every))
    if any(cell == NONE for host in every for cell in row(host)):
        lines += ["", LEGEND]
    differing = [line for difference in differences for line in difference.rows()]
    if differing:
        lines += ["", *table(["DEPLOYMENT", "DIFFERENCE", "VALUE", "HOSTS"], differing)]
    findings = [finding for host in every for finding in host.findings]
    errors = [finding["text"] for finding in findings if finding["severity"] == ERROR]
    return "\n".join(lines), errors, [finding["text"] for finding in findings if finding["severity"] != ERROR]
