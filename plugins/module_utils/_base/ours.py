# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which units of a host are of this collection, by what their files say. Only root writes unit files."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from . import paths
from .host import Root

SERVER_MARKER = "# Managed by multinode.sglang"
ROUTER_MARKER = "# Managed by multinode.sglang: router"
MARKERS = (SERVER_MARKER, ROUTER_MARKER)
KINDS = {SERVER_MARKER: "server", ROUTER_MARKER: "router"}
_TITLE = re.compile(r"^Description=SGLang (.+?)(?: rank (\d+) of \d+)? \(multinode\.sglang\)$", re.MULTILINE)


def server_title(instance: str, rank: int, nnodes: int) -> str:
    """Return how systemctl names a server."""
    return f"SGLang {instance} rank {rank} of {nnodes}"


def router_title(deployment: str) -> str:
    """Return how systemctl names a router."""
    return f"SGLang router of {deployment}"


def units(root: Root) -> list[dict[str, Any]]:
    """Return the units of this collection on a host: name, kind, title, and the rank of a server."""
    found = []
    for file in root.names(paths.UNIT_DIR):
        name, dot, suffix = file.rpartition(".")
        if dot and suffix == "service" and name.startswith("sglang-"):
            text = root.text(f"{paths.UNIT_DIR}/{file}")
            kind = KINDS.get(text.split("\n", 1)[0])
            if kind:
                title = _TITLE.search(text)
                rank = int(title.group(2)) if title and title.group(2) else None
                found.append({"name": name, "kind": kind, "title": title.group(1) if title else name, "rank": rank})
    return found


def strays(found: Collection[dict[str, Any]], planned: Collection[str]) -> list[dict[str, Any]]:
    """Return the units that are not in the plan. planned: the names of those that are."""
    return [unit for unit in found if unit["name"] not in planned]
