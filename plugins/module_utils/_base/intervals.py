# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port ranges: (first, last), both included; as text "20000" or "20001-20006". PRIVATE to the collection."""

from __future__ import annotations

import functools
from collections.abc import Iterable

Interval = tuple[int, int]
LAST_PORT = 65535


@functools.lru_cache(maxsize=4096)
def text_of(interval: Interval) -> str:
    """(20001, 20006) -> "20001-20006"; (20000, 20000) -> "20000"."""
    first, last = interval
    return str(first) if first == last else f"{first}-{last}"


def parse(text: str) -> list[Interval]:
    """ "20000-20006,30000" -> [(20000, 20006), (30000, 30000)]; "" -> []."""
    found: list[Interval] = []
    for part in filter(None, (word.strip() for word in text.split(","))):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not (last.isdecimal() and int(first) <= int(last))):
            raise ValueError(f"{part!r} is not a port or a range of ports such as 20000-20006")
        found.append((int(first), int(last or first)))
    return found


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Sort intervals and join those that touch or overlap."""
    out: list[Interval] = []
    for first, last in sorted(intervals):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


def join(intervals: Iterable[Interval]) -> str:
    """Write merged intervals in the form of net.ipv4.ip_local_reserved_ports."""
    return ",".join(text_of(interval) for interval in merged(intervals))


def without(intervals: Iterable[Interval], taken: Iterable[Interval]) -> list[Interval]:
    """Return what is left of intervals when others are taken out of them."""
    left = merged(intervals)
    for first, last in taken:
        pieces = []
        for begin, end in left:
            pieces += [(begin, min(end, first - 1)), (max(begin, last + 1), end)]
        left = merged({(begin, end) for begin, end in pieces if begin <= end})
    return left


def overlap(left: Interval, right: Interval) -> bool:
    """Return whether two intervals share a port."""
    return left[0] <= right[1] and right[0] <= left[1]


def meet(left: str, right: str) -> bool:
    """Return whether two texts share a port."""
    return any(overlap(one, other) for one in parse(left) for other in parse(right))
