# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a unit listens on, seen from its host, beside what the plan names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import parse

from .conftest import Topology


def open_ports(topology: Topology, host: str, unit: str) -> set[int]:
    """Return the TCP ports on which processes of a unit listen."""
    group = topology.run(host, "systemctl", "show", "-P", "ControlGroup", unit).strip()
    pids = set(topology.run(host, "cat", f"/sys/fs/cgroup{group}/cgroup.procs").split()) if group else set()
    found = set()
    for line in topology.run(host, "ss", "-Hltnp").splitlines():
        if set(re.findall(r"pid=(\d+)", line)) & pids:
            found.add(int(line.split()[3].rpartition(":")[2]))
    return found


def unplanned(plan: dict[str, Any], unit: dict[str, Any], ports: Iterable[int]) -> list[int]:
    """Return the ports that are neither the unit's own nor in a range that the plan names for what it is."""
    ranges = {"prefill": ("ephemeral", "mooncake"), "decode": ("ephemeral", "mooncake"), "server": ("ephemeral",)}.get(
        unit.get("role", ""), ()
    )
    texts = (*unit["ports"].values(), *(plan["dynamic_ports"][name] for name in ranges))
    spans = [span for text in texts for span in parse(text)]
    return [port for port in ports if not any(first <= port <= last for first, last in spans)]
