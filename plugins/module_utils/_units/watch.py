# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the units of a host do now, and waiting for a change."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .._base import paths
from .._base.files import read
from .._base.journal import evidence
from .._base.probe import Endpoint, api_key
from .._base.systemd import Systemd, service
from .._plan.types import ServerUnit
from . import digest

POLL_SECONDS = 1.0
HEALTH_SECONDS = 5.0


class Probed(Protocol):
    """A unit of any kind that is watched."""

    @property
    def name(self) -> str:
        """Return the name of the unit."""

    def probe(self, timeout: float) -> tuple[str, str]:
        """Return the answer of a running unit and, where it is not ready, why."""


@dataclass(frozen=True)
class WatchedServer:
    """A rank of an instance that is watched."""

    unit: ServerUnit

    @property
    def name(self) -> str:
        """Return the name of its unit."""
        return self.unit.name

    def probe(self, timeout: float) -> tuple[str, str]:
        """Return the answer of a running rank and, where it is not ready, why."""
        unit = self.unit
        key = api_key(read(f"{paths.CONFIG_DIR}/{unit.name}/keys.yaml") or "")
        server = Endpoint(unit.address, unit.api_port, unit.scheme == "https", key, service(unit.name))
        # In disaggregation neither side completes anything alone.
        if unit.rank == 0 and unit.role == "server":
            return server.complete(timeout)
        trouble = server.healthy(HEALTH_SECONDS)
        return ("" if trouble else "healthy"), trouble


def phase(values: dict[str, str], restarts_before: int | None) -> str:
    """Return what a unit does: missing, stopped, starting, running or failed."""
    if values.get("LoadState") == "not-found":
        return "missing"
    restarts = int(values.get("NRestarts") or 0)
    if restarts_before is not None and restarts > restarts_before:
        return "failed"
    state, sub = values.get("ActiveState"), values.get("SubState")
    if state == "failed" or sub == "auto-restart":
        return "failed"
    if state == "active":
        return "running"
    return "starting" if state in ("activating", "reloading") else "stopped"


def observe(
    systemd: Systemd, units: Sequence[Probed], restarts: dict[str, int], timeout: float
) -> dict[str, dict[str, Any]]:
    """Return what each unit does."""
    shown = systemd.show([unit.name for unit in units])
    seen = {}
    for unit in units:
        values = shown[unit.name]
        now = phase(values, restarts.get(unit.name))
        planned, generation = digest.written(unit.name)
        answer, trouble = unit.probe(timeout) if now == "running" else ("", "")
        seen[unit.name] = {
            "phase": "ready" if now == "running" and not trouble else now,
            "active": values.get("ActiveState", ""),
            "sub": values.get("SubState", ""),
            "restarts": int(values.get("NRestarts") or 0),
            "pid": int(values.get("MainPID") or 0),
            "since": values.get("ActiveEnterTimestamp", ""),
            "answer": answer,
            "trouble": trouble,
            "generation": digest.running(unit.name),
            "digest": generation,
            "planned": planned,
        }
    return seen


def tokens(seen: dict[str, dict[str, Any]]) -> dict[str, list[Any]]:
    """Return what counts as a change of the units."""
    return {name: [unit["phase"], unit["pid"], unit["restarts"]] for name, unit in seen.items()}


def settled(seen: dict[str, dict[str, Any]]) -> bool:
    """Return whether there is nothing to wait for: all units are ready, or one never will be."""
    phases = {unit["phase"] for unit in seen.values()}
    return phases <= {"ready"} or not phases <= {"ready", "running", "starting"}


def watch(
    systemd: Systemd, units: Sequence[Probed], restarts: dict[str, int], seconds: float, timeout: float
) -> dict[str, dict[str, Any]]:
    """Observe until something changes or the time is over."""
    deadline = time.monotonic() + seconds
    first = seen = observe(systemd, units, restarts, timeout)
    while not settled(seen) and tokens(seen) == tokens(first) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        seen = observe(systemd, units, restarts, timeout)
    return seen


def journal_lines(phase: str, most: int) -> int:
    """Return how much of its journal a unit shows: the worse it is, the more."""
    if phase in ("ready", "missing"):
        return 0
    return most if phase in ("failed", "stopped") else 1


def report(systemd: Systemd, units: Sequence[Probed], params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what each unit does, as the options of the module ask for it."""
    restarts = {name: int(count) for name, count in params["restarts"].items()}
    seen = watch(systemd, units, restarts, params["wait"], params["probe_timeout"])
    for name, unit in seen.items():
        lines = journal_lines(unit["phase"], params["lines"])
        unit["journal"] = evidence(systemd.journal(name, 10 * lines), lines) if lines else []
        unit["limits"] = limits(unit["pid"]) if unit["pid"] else {}
    return seen


def limits(pid: int) -> dict[str, str]:
    """Return the soft limits of a running process that SGLang depends on."""
    names = {"Max locked memory": "memlock", "Max open files": "nofile"}
    found = {}
    for line in (read(f"/proc/{pid}/limits") or "").splitlines():
        for title, name in names.items():
            if line.startswith(title):
                found[name] = line[len(title) :].split()[0]
    return found
