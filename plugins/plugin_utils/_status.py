# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the hosts run, beside what the plan says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from ._plan.render import table

COLUMNS = ("DEPLOYMENT", "INSTANCE", "RANK", "HOST", "STATE", "SINCE", "LAST ERROR")


@dataclasses.dataclass(frozen=True)
class Row:
    """One rank of one instance. state: what instance_state calls its phase, or unreachable."""

    deployment: str
    instance: str
    rank: int
    host: str
    state: str
    since: str
    error: str

    @property
    def well(self) -> bool:
        """Tell whether this rank is as planned."""
        return self.state == "ready"

    def as_dict(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return dataclasses.asdict(self)


def rows_of_host(units: Iterable[Mapping[str, Any]], said: Mapping[str, Any]) -> list[Row]:
    """Pair the planned units of a host with what instance_state returned there."""
    seen = said.get("units") or {}
    silent = "unreachable" if said.get("unreachable") else "unknown"
    rows = []
    for unit in units:
        state = seen.get(unit["name"], {})
        phase = state.get("phase", silent)
        rows.append(
            Row(
                unit["deployment"],
                unit["instance"],
                unit["rank"],
                unit["host"],
                phase,
                state.get("since") or "-",
                "" if phase == "ready" else _error(state, said),
            )
        )
    return rows


def _error(state: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """Return the last line that tells what is wrong."""
    journal = state.get("journal") or []
    return str(state.get("trouble") or (journal[-1] if journal else said.get("msg", "")))


def render(rows: Iterable[Row]) -> str:
    """Return the table that people read."""
    ordered = sorted(rows, key=lambda row: (row.deployment, row.instance, row.rank))
    return "\n".join(table(COLUMNS, (dataclasses.astuple(row) for row in ordered)))
