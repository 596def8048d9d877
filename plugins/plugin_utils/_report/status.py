# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the hosts run, beside what the plan says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from .plan import table

COLUMNS = ("DEPLOYMENT", "INSTANCE", "RANK", "HOST", "STATE", "SINCE", "LAST ERROR")
NO_RANK = "-"


@dataclasses.dataclass(frozen=True)
class Row:
    """One rank of one instance, or a router, which has no rank. state: what the state modules call its phase, or unreachable."""

    deployment: str
    instance: str
    rank: int | str
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

    @property
    def title(self) -> str:
        """Return how it is called in messages."""
        who = f"router of {self.deployment}" if self.rank == NO_RANK else f"{self.instance} rank {self.rank}"
        return f"{who} on {self.host} ({self.state})"


def rows_of_host(units: Iterable[Mapping[str, Any]], said: Mapping[str, Any]) -> list[Row]:
    """Pair the planned units of a host with what instance_state returned there."""
    return [_row(unit, unit["instance"], unit["rank"], said) for unit in units]


def rows_of_routers(routers: Iterable[Mapping[str, Any]], said: Mapping[str, Any]) -> list[Row]:
    """Pair the planned routers of a host with what router_state returned there."""
    return [_row(router, "router", NO_RANK, said) for router in routers]


def _row(unit: Mapping[str, Any], instance: str, rank: int | str, said: Mapping[str, Any]) -> Row:
    silent = "unreachable" if said.get("unreachable") else "unknown"
    state = (said.get("units") or {}).get(unit["name"], {})
    phase = state.get("phase", silent)
    error = "" if phase == "ready" else _error(state, said)
    return Row(unit["deployment"], instance, rank, unit["host"], phase, state.get("since") or "-", error)


def _error(state: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """Return the last line that tells what is wrong."""
    journal = state.get("journal") or []
    return str(state.get("trouble") or (journal[-1] if journal else said.get("msg", "")))


def render(rows: Iterable[Row]) -> str:
    """Return the table that people read."""
    ordered = sorted(rows, key=lambda row: (row.deployment, row.rank == NO_RANK, row.instance, row.rank, row.host))
    return "\n".join(table(COLUMNS, (dataclasses.astuple(row) for row in ordered)))
