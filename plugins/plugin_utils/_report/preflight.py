# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The answer for people: a line for each host, a sentence for each thing that is wrong, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._checks import nccl
from .._checks.finding import Finding, section
from .._checks.peers import reached
from .._checks.same import Difference
from .plan import table

# Area of a finding -> title of its column; an area without a column is told in sentences only.
COLUMNS = {
    "gpus": "GPUS",
    "driver": "DRIVER",
    "nccl": "NCCL",
    "runtime": "SGLANG",
    "rdma": "RDMA",
    "mtu": "MTU",
    "names": "ADDRESS",
    "clock": "CLOCK",
    "room": "ROOM",
    "ports": "PORTS",
    "settings": "SETTINGS",
    "peers": "PEERS",
}
MARK = " !"
NONE = "-"


@dataclass(frozen=True)
class Host:
    """What is known of a host: what it is like, what it saw of its peers, and what is wrong. node is None where it did not answer."""

    name: str
    node: dict[str, Any] | None
    reach: Mapping[str, Any] | None
    findings: list[tuple[str, dict[str, Any]]]

    @property
    def grave(self) -> int:
        """Return how many findings stand in the way."""
        return sum(1 for _area, finding in self.findings if finding["grave"])


def tell(name: str, found: Iterable[tuple[str, Finding]]) -> list[tuple[str, dict[str, Any]]]:
    """Return findings of a host for Ansible, the same one once."""
    told = [(area, {"area": area, **finding.told(name)}) for area, finding in found]
    return list({finding["text"]: (area, finding) for area, finding in told}.values())


def cells(host: Host) -> dict[str, str]:
    """Return what the columns of a host show, without marks."""
    node = host.node or {}
    network, clock = section(node, "network", {}), section(node, "clock", {})
    libraries, runtimes = nccl.loaded(section(node, "nccl", [])), section(node, "runtimes", [])
    return {
        "gpus": _gpus(node),
        "driver": section(node, "driver", {}).get("userspace") or NONE,
        "nccl": (libraries[-1].get("version") if libraries else None) or NONE,
        "runtime": (runtimes[0]["sglang"] if runtimes else None) or NONE,
        "rdma": _rdma(node),
        "mtu": str((network.get("cluster") or {}).get("mtu") or NONE),
        "names": str((network.get("cluster") or {}).get("address") or NONE),
        "clock": clock.get("source") or ("kept" if clock.get("synchronized") else NONE),
        "room": _room(node),
        "ports": "ok",
        "settings": "ok",
        "peers": reached(host.reach) if host.reach else NONE,
    }


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


def _room(node: dict[str, Any]) -> str:
    free = [disk["free_mib"] for disk in section(node, "disks", []) if disk["free_mib"] is not None]
    return f"{min(free) / 1024:.0f} GiB" if free else NONE


def row(host: Host) -> list[str]:
    """Return the line of a host; what is wrong has a mark."""
    if host.node is None:
        return [host.name, *("?" for _column in COLUMNS), "no answer"]
    marked = {area for area, finding in host.findings if finding["grave"]}
    shown = cells(host)
    verdict = f"{host.grave} wrong" if host.grave else "right"
    return [host.name, *(shown[area] + (MARK if area in marked else "") for area in COLUMNS), verdict]


def render(hosts: Iterable[Host], differences: Iterable[Difference]) -> tuple[str, list[str], list[str]]:
    """Return the tables, what is wrong, and what is only told."""
    every = list(hosts)
    lines = table(["HOST", *COLUMNS.values(), "VERDICT"], (row(host) for host in every))
    differing = [line for difference in differences for line in difference.rows()]
    if differing:
        lines += ["", *table(["DEPLOYMENT", "DIFFERENT", "VALUE", "HOSTS"], differing)]
    told = [finding for host in every for _area, finding in host.findings]
    wrong = [finding["text"] for finding in told if finding["grave"]]
    return "\n".join(lines), wrong, [finding["text"] for finding in told if not finding["grave"]]
