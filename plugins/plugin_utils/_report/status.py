# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what the hosts run, compared with the plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.journal import last_word

from .table import table

COLUMNS = ("DEPLOYMENT", "INSTANCE", "RANK", "HOST", "STATE", "DIGEST", "SINCE", "LAST ERROR")
NO_RANK = "-"
# As much of a digest as a person compares.
SHOWN = 8


@dataclasses.dataclass(frozen=True)
class Row:
    """A rank of an instance, or a router, which has no rank. state: its phase, or unreachable or unknown."""

    deployment: str
    instance: str
    rank: int | str
    host: str
    state: str
    digest: str
    since: str
    error: str

    @property
    def ready(self) -> bool:
        """Return whether it serves."""
        return self.state == "ready"

    def as_dict(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return dataclasses.asdict(self)

    @property
    def title(self) -> str:
        """Return how it is called in messages."""
        who = f"router of {self.deployment}" if self.rank == NO_RANK else f"{self.instance} rank {self.rank}"
        return f"{who} on {self.host} ({self.state})"


def rows_of_host(planned: Mapping[str, Any], returned: Mapping[str, Any]) -> list[Row]:
    """Return the planned servers and routers of a host with what unit_info returned there."""
    servers = [_row(unit, unit["instance"], unit["rank"], returned) for unit in planned["units"]]
    return servers + [_row(unit, "router", NO_RANK, returned) for unit in planned["routers"]]


def _row(unit: Mapping[str, Any], instance: str, rank: int | str, returned: Mapping[str, Any]) -> Row:
    silent = "unreachable" if returned.get("unreachable") else "unknown"
    state = (returned.get("units") or {}).get(unit["name"], {})
    phase = state.get("phase", silent)
    error = "" if phase == "ready" else _error(state, returned)
    return Row(
        unit["deployment"], instance, rank, unit["host"], phase, _digest(state), state.get("since") or "-", error
    )


def _digest(state: Mapping[str, Any]) -> str:
    """Return the digest of what runs, and that of what is written for the next start if it is another one."""
    runs, written = (str(state.get(key) or "")[:SHOWN] for key in ("generation", "digest"))
    return runs or "-" if runs == written or not written else f"{runs or '-'} -> {written}"


def _error(state: Mapping[str, Any], returned: Mapping[str, Any]) -> str:
    """Return what is missing, or the line of the journal that names the fault, or why nothing is known."""
    return str(state.get("trouble") or last_word(state.get("journal") or ()) or returned.get("msg", ""))


def render(rows: Iterable[Row]) -> str:
    """Return the table that people read."""
    ordered = sorted(rows, key=lambda row: (row.deployment, row.rank == NO_RANK, row.instance, row.rank, row.host))
    return "\n".join(table(COLUMNS, (dataclasses.astuple(row) for row in ordered)))
