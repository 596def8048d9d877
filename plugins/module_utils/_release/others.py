# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the other hosts of a run are, as one of them sees it. PRIVATE to the collection."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .._base.text import host_port
from .program import wire

_TOGETHER = 32


def blocks(path: str, seconds: float) -> dict[str, int]:
    """Return address:port -> number of blocks for each other host that answers; path: the request of this host."""
    try:
        with open(path, encoding="utf-8") as handle:
            plan = json.load(handle)["plan"]
    except FileNotFoundError:
        # The copy of this host is over, and its secret is gone.
        return {}
    hosts = [(str(host), int(port)) for host, port in plan["hosts"]]
    others = [number for number in range(len(hosts)) if number != plan["own"]]
    with ThreadPoolExecutor(_TOGETHER) as pool:
        found = list(pool.map(lambda number: _ask(hosts, number, plan, seconds), others))
    return {host_port(*hosts[number]): count for number, count in zip(others, found) if count is not None}


def _ask(hosts: list[tuple[str, int]], number: int, plan: dict[str, Any], seconds: float) -> int | None:
    try:
        channel = wire.dial(hosts, number, wire.token_of(plan["token"]), plan["own"], seconds)
        try:
            channel.ask(wire.DONE)
            return channel.answered()[1]
        finally:
            channel.close()
    except OSError:
        return None
