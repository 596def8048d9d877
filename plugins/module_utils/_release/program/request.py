# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be copied, and how."""

from __future__ import annotations

import os

from .scan import Item

# Without typing, dataclasses and the network code a comparison starts in half the time; type checkers know this name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .chain import Plan

# Part of the format of releases: hosts that give each other blocks, and compare digests, must have the same.
BLOCK = 1 << 20
# What a checkout or a download keeps for itself, and the snapshots of a file server.
SKIPPED = frozenset({".git", ".cache", ".snapshot", "lost+found"})
# Free space that a copy leaves.
RESERVE = 1 << 30


class Request:
    """A release to copy."""

    def __init__(self, source: str, **options: Any) -> None:
        """Keep the source and the options."""
        self.source = source
        # The digest that it must have, empty for any.
        self.expect: str = options.pop("expect", "")
        # The name of the run in the status.
        self.run: str = options.pop("run", "")
        # Whether to keep links and execute permissions.
        self.exact: bool = options.pop("exact", False)
        self.skip: frozenset[str] = options.pop("skip", SKIPPED)
        # More than there are cores would not hash faster, and evict each other's blocks from the caches.
        self.threads: int = options.pop("threads", min(8, max(2, os.cpu_count() or 2)))
        self.memory: int = options.pop("memory", 64 << 20)
        self.reserve: int = options.pop("reserve", RESERVE)
        # Seconds without a byte after which the source is given up.
        self.stall: float = options.pop("stall", 300.0)
        self.block: int = options.pop("block", BLOCK)
        # The hosts that copy the same, if any.
        self.plan: Plan | None = options.pop("plan", None)
        if options:
            raise TypeError(f"unknown: {', '.join(options)}")


def space_needed(tree: str, items: Iterable[Item]) -> int:
    """Return how many bytes are to be written that have no place on the disk yet."""
    needed = 0
    for item in items:
        try:
            allocated = os.lstat(f"{tree}/{item.path}").st_blocks * 512
        except OSError:
            allocated = 0
        needed += max(0, item.size - allocated)
    return needed
