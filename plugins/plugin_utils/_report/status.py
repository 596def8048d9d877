# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what the hosts run, compared with the plan."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.journal import last_word
from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

from .table import table

COLUMNS = ("DEPLOYMENT", "INSTANCE", "RANK", "HOST", "STATE", "DIGEST", "SINCE", "LAST ERROR")
NO_RANK = "-"
OUTDATED, STRAY = "outdated", "stray"
# As much of a digest as a person compares.
SHOWN = 8


@dataclasses.dataclass(frozen=True)
class Row:
    """A rank of an instance, or a router, which has no rank.

    state: its phase, unreachable, unknown, outdated where it serves something else than the plan, or stray where the
    plan does not have it.
    """

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
    routers = [_row(unit, "router", NO_RANK, returned) for unit in planned["routers"]]
    return servers + routers


def stray_rows(host: str, returned: Mapping[str, Any]) -> list[Row]:
    """Return the units of this collection on a host that its plan does not have."""
    return [_stray(host, unit) for unit in returned.get("strays") or ()]


def _stray(host: str, unit: Mapping[str, Any]) -> Row:
    title, rank = unit["title"], NO_RANK if unit["rank"] is None else unit["rank"]
    if unit["kind"] == "router":
        deployment, instance = title.rpartition(" ")[2], "router"
    else:
        deployment, instance = title.partition("@")[0].rpartition("-")[0], title
    why = f"{unit['name']} is {unit['active']} and not in the plan"
    return Row(deployment, instance, rank, host, STRAY, "-", unit["since"] or "-", why)


def _row(unit: Mapping[str, Any], instance: str, rank: int | str, returned: Mapping[str, Any]) -> Row:
    silent = "unreachable" if returned.get("unreachable") else "unknown"
    state = (returned.get("units") or {}).get(unit["name"], {})
    phase = state.get("phase", silent)
    if phase == "ready" and difference(unit, state):
        phase = OUTDATED
    error = difference(unit, state) if phase == OUTDATED else "" if phase == "ready" else _error(state, returned)
    return Row(
        unit["deployment"], instance, rank, unit["host"], phase, _digest(state), state.get("since") or "-", error
    )


def difference(unit: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """Return in which way a unit that serves is not what the plan says; empty if it is."""
    if state.get("planned") and state["planned"] != unit["digest"]:
        return "it was deployed with another plan; run deploy.yml"
    if state.get("generation") != state.get("digest"):
        return "it was not restarted since its files were written; run deploy.yml"
    return ""


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


def last_deploy(stamps: Mapping[str, Mapping[str, Any] | None]) -> str:
    """Return in a line when hosts were last deployed, and by whom. stamps: host -> its note, None without one."""
    noted = {name: stamp for name, stamp in stamps.items() if stamp}
    if not noted:
        return "no deploy is noted on these hosts"
    newest = max(noted.values(), key=lambda stamp: stamp["time"])
    day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(newest["time"]))
    line = f"last deploy: {day} by {newest['who']} from {newest['controller']}, SGLang {newest['sglang_version']}"
    others = [name for name in stamps if stamps[name] is None]
    return f"{line}; none is noted on {first_few(others)}" if others else line
