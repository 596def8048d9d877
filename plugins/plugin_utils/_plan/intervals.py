# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Port ranges: (first, last), both included; as text "20000" or "20001-20006"."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import (
    LAST_PORT,
    Interval,
    join,
    merged,
    parse,
    text_of,
)

from .errors import PlanError

__all__ = ["LAST_PORT", "Interval", "inside", "join", "merged", "parse_intervals", "text_of"]


def parse_intervals(text: object, where: str) -> list[Interval]:
    """ "20000-20006,30000" -> [(20000, 20006), (30000, 30000)]; "" -> []."""
    if not isinstance(text, str):
        raise PlanError(f'{where}: {text!r} is not a string; write ports in quotes, as in "20000-20006,30000"')
    try:
        return parse(text)
    except ValueError as error:
        raise PlanError(f"{where}: {error}; write it as in 20000-20006,30000") from error


def inside(interval: Interval, covers: Iterable[Interval]) -> bool:
    """Tell whether one of the merged covers contains the whole interval."""
    return any(first <= interval[0] and interval[1] <= last for first, last in covers)
