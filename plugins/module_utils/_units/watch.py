# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the units of a host do right now, and waiting for it to change. PRIVATE to the collection."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .._base.files import read
from .._base.systemd import Systemd
from .probe import Server, api_key

POLL_SECONDS = 1.0
HEALTH_SECONDS = 5.0
# The line that ends a Python traceback.
EXCEPTION = re.compile(r"^[\w.]*(Error|Exception)\b")


class Probed(Protocol):
    """A unit to look at, of any kind."""

    @property
    def name(self) -> str:
        """Return the name of the unit."""

    def probe(self, timeout: float) -> tuple[str, str]:
        """Return the answer of a running unit and, if it is not ready, why."""


@dataclass(frozen=True)
class Watched:
    """A rank to look at."""

    name: str
    rank: int
    role: str
    address: str
    api_port: int
    tls: bool
    keys_file: str

    def server(self) -> Server:
        """Return the server of this rank."""
        return Server(self.address, self.api_port, self.tls, api_key(read(self.keys_file) or ""))

    def probe(self, timeout: float) -> tuple[str, str]:
        """Return the answer of a running rank and, if it is not ready, why."""
        # In disaggregation neither side completes anything alone.
        if self.rank == 0 and self.role == "server":
            return self.server().complete(timeout)
        trouble = self.server().healthy(HEALTH_SECONDS)
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
        }
    return seen


def tokens(seen: dict[str, dict[str, Any]]) -> dict[str, list[Any]]:
    """Return what makes a difference between two looks at the units."""
    return {name: [unit["phase"], unit["pid"], unit["restarts"]] for name, unit in seen.items()}


def settled(seen: dict[str, dict[str, Any]]) -> bool:
    """Tell whether there is nothing to wait for: all is well, or something never will be."""
    phases = {unit["phase"] for unit in seen.values()}
    return phases <= {"ready"} or not phases <= {"ready", "running", "starting"}


def watch(
    systemd: Systemd, units: Sequence[Probed], restarts: dict[str, int], seconds: float, timeout: float
) -> dict[str, dict[str, Any]]:
    """Look until something changes or the time is over."""
    deadline = time.monotonic() + seconds
    first = seen = observe(systemd, units, restarts, timeout)
    while not settled(seen) and tokens(seen) == tokens(first) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        seen = observe(systemd, units, restarts, timeout)
    return seen


def evidence(lines: list[str], count: int) -> list[str]:
    """Return the last lines of a journal, after the last one before them that names an exception, if none of them does."""
    tail = lines[-count:]
    earlier = [line for line in lines[:-count] if EXCEPTION.search(line)]
    if count == 1 or not earlier or any(map(EXCEPTION.search, tail)):
        return tail
    return [earlier[-1], *tail]


# What the state modules take besides the units themselves.
OPTIONS: dict[str, dict[str, Any]] = {
    "restarts": {"type": "dict", "default": {}},
    "wait": {"type": "float", "default": 0},
    "probe_timeout": {"type": "float", "default": 60},
    "lines": {"type": "int", "default": 20},
    "config_dir": {"type": "path", "default": "/etc/sglang"},
}


def report(systemd: Systemd, units: Sequence[Probed], params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the options of a state module ask for: what each unit does, with the journal of what is not well."""
    restarts = {name: int(count) for name, count in params["restarts"].items()}
    seen = watch(systemd, units, restarts, params["wait"], params["probe_timeout"])
    for name, unit in seen.items():
        lines = {"ready": 0, "missing": 0}.get(
            unit["phase"], params["lines"] if unit["phase"] in ("failed", "stopped") else 1
        )
        unit["journal"] = evidence(systemd.journal(name, 10 * lines), lines) if lines else []
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
