# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide on the controller whether to go on waiting for the servers or routers of a host."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.journal import REFUSED, cause
from ansible_collections.multinode.sglang.plugins.module_utils._base.text import duration, size
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import to_dict
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import RouterUnit, ServerUnit

from .._action import PROGRESS_SECONDS
from .board import Board

CHATTY_HOSTS = 8
_BAD = {
    "failed": "has failed",
    "stopped": "is not running",
    "missing": "does not exist; deploy this host",
}
_PHASES = {"running": "loading", "starting": "waiting for its checks and peers"}
Unit = ServerUnit | RouterUnit


def describe(unit: Unit, host: str) -> str:
    """Return how a rank or a router is called in messages."""
    if isinstance(unit, RouterUnit):
        return f"the router of {unit.deployment} on {host}"
    return f"{unit.instance} rank {unit.rank} on {host}"


def is_leader(unit: Unit) -> bool:
    """Return whether clients ask this unit; a router is the only rank of its own instance."""
    return isinstance(unit, RouterUnit) or unit.rank == 0


def because(journal: Sequence[str]) -> str:
    """Return why a unit ended, as the end of a sentence."""
    found = cause(journal).removeprefix(REFUSED)
    return f": {found}" if found else ""


def indented(lines: Sequence[str]) -> str:
    """Return lines of a journal below a message."""
    return "".join(f"\n  {line}" for line in lines)


@dataclass
class Wait:
    """The wait of one host for its units."""

    host: str
    units: Sequence[Unit]
    started: Sequence[str]
    timeout: float
    board: Board
    chatty: bool
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    next_progress: float = PROGRESS_SECONDS

    def __post_init__(self) -> None:
        """Let the other hosts know that this one waits."""
        self.restarts = dict.fromkeys(self.started, 0)
        for unit in filter(is_leader, self.units):
            self.board.note(self._key(unit), "begun")

    def _key(self, unit: Unit) -> str:
        # Routers of one deployment have the same name on all hosts, and do not depend on each other.
        return f"{unit.name}.{self.host}" if isinstance(unit, RouterUnit) else unit.instance

    def pending(self) -> list[Unit]:
        """Return the units that have not been seen ready."""
        return [unit for unit in self.units if self.seen.get(unit.name, {}).get("phase") != "ready"]

    def to_ask(self) -> list[dict[str, Any]]:
        """Return the units to observe, as the remote call takes them."""
        return [to_dict(unit) for unit in self.pending() or self.units]

    def slice_seconds(self, seconds: float) -> float:
        """Return how long the next remote call may wait."""
        return seconds if self.pending() else 0

    def take(self, units: Mapping[str, dict[str, Any]], elapsed: float) -> list[str]:
        """Take in what a remote call returned; return lines to print."""
        self.seen.update(units)
        for name, state in units.items():
            # A crash before this wait is not news.
            self.restarts.setdefault(name, state["restarts"])
        for unit in self.units:
            phase = self.seen[unit.name]["phase"]
            if phase == "ready" and is_leader(unit):
                self.board.note(self._key(unit), "ready")
            if phase in _BAD:
                self.board.note(self._key(unit), "failed", self.headline(unit))
        if elapsed < self.next_progress:
            return []
        self.next_progress = elapsed + PROGRESS_SECONDS
        return [self.progress(unit, elapsed) for unit in self.pending() if self.chatty or is_leader(unit)]

    def progress(self, unit: Unit, elapsed: float) -> str:
        """Return a line about a unit that is not ready yet."""
        state = self.seen[unit.name]
        if isinstance(unit, RouterUnit):
            # Its journal repeats what it tries; what is missing says more.
            phase, more = state["phase"], f", {state['trouble']}" if state["trouble"] else ""
        else:
            last = (state["journal"] or [""])[-1].strip()[:160]
            phase, more = _PHASES.get(state["phase"], state["phase"]), f", last log line: {last}" if last else ""
        return f"{describe(unit, self.host)}: {phase}, {duration(elapsed)}{more}"

    def headline(self, unit: Unit) -> str:
        """Return the sentence about a unit that will not become ready by itself."""
        state = self.seen[unit.name]
        return f"{describe(unit, self.host)} (unit {unit.name}) {_BAD[state['phase']]}{because(state['journal'])}"

    def failure(self, unit: Unit) -> str | None:
        """Return why a unit will not become ready."""
        state = self.seen[unit.name]
        if state["phase"] in _BAD:
            lines = indented(state["journal"])
            return self.headline(unit) + (f"; the last lines of its journal:{lines}" if lines else "")
        elsewhere = self.board.read(self._key(unit), "failed")
        if elsewhere:
            return f"no longer waiting for {describe(unit, self.host)}: {elsewhere}"
        return None

    def leader_pending(self, unit: Unit) -> bool:
        """Return whether another host still waits for the leader of a follower."""
        if is_leader(unit) or self.board.read(self._key(unit), "begun") is None:
            return False
        return self.board.read(self._key(unit), "ready") is None

    def linger(self, elapsed: Callable[[], float], sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait without remote calls while only leaders on other hosts are not ready, for at most one progress step."""
        end = elapsed() + PROGRESS_SECONDS
        while not self.pending() and elapsed() < end and any(map(self.leader_pending, self.units)):
            if any(map(self.failure, self.units)):
                return
            sleep(0.2)

    def verdict(self, elapsed: float) -> str | None:
        """Return the message of a failed wait, an empty one if all is ready, None to go on."""
        failures = list(filter(None, map(self.failure, self.units)))
        if failures:
            return "\n".join(failures)
        if not self.pending() and not any(map(self.leader_pending, self.units)):
            return ""
        if elapsed < self.timeout:
            return None
        return "\n".join(map(self.timed_out, self.pending() or self.units))

    def timed_out(self, unit: Unit) -> str:
        """Return the message for a unit that did not become ready in time."""
        state = self.seen[unit.name]
        trouble = f", {state['trouble']}" if state["trouble"] else ""
        who = f"{describe(unit, self.host)} (unit {unit.name})"
        text = f"{who} is not ready after {duration(self.timeout)}: {state['phase']}{trouble}"
        self.board.note(self._key(unit), "failed", text)
        return text + indented(state["journal"])

    def warnings(self) -> list[str]:
        """Return what differs from what a unit asks for, though it answers."""
        limits = [self.seen[unit.name].get("limits", {}).get("memlock", "unlimited") for unit in self.units]
        short = [int(limit) for limit in limits if limit != "unlimited"]
        if not short or not any(isinstance(unit, ServerUnit) for unit in self.units):
            return []
        return [
            f"The servers on {self.host} may lock only {size(min(short))} of memory, although their units set no "
            "limit; RDMA needs more (systemd lacks CAP_SYS_RESOURCE in some containers)"
        ]

    def outcome(self) -> dict[str, dict[str, Any]]:
        """Return what was seen, without the journals: the message of a failure has them."""
        return {
            name: {key: value for key, value in unit.items() if key != "journal"} for name, unit in self.seen.items()
        }
