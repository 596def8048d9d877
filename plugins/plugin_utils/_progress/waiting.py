# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deciding on the controller whether to go on waiting for the servers or routers of a host. PRIVATE to the collection."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PROGRESS_SECONDS = 15.0
CHATTY_HOSTS = 8
_FIELDS = ("name", "rank", "role", "address", "api_port", "scheme")
_BAD = {
    "failed": "has failed",
    "stopped": "is not running",
    "missing": "does not exist; deploy this host",
}


class Board:
    """Short notes that the workers of one task leave for each other, in the temporary directory of this run."""

    def __init__(self, directory: pathlib.Path, task: str) -> None:
        """Keep where the notes are."""
        self._directory, self._task = directory, task

    def _path(self, instance: str, kind: str) -> pathlib.Path:
        return self._directory / f"{self._task}.{instance}.{kind}"

    def note(self, instance: str, kind: str, text: str = "") -> None:
        """Leave a note; the first one of its kind stays."""
        try:
            with self._path(instance, kind).open("x", encoding="utf-8") as handle:
                handle.write(text)
        except FileExistsError:
            pass

    def read(self, instance: str, kind: str) -> str | None:
        """Return a note, None if there is none."""
        try:
            return self._path(instance, kind).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None


def units_of_routers(routers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return routers in the shape of units; each is the only rank of its own instance."""
    return [{"name": item["name"], "instance": item["name"], "rank": 0, "router": item} for item in routers]


def describe(unit: dict[str, Any], host: str) -> str:
    """Return how a rank or a router is called in messages."""
    if "router" in unit:
        return f"the router of {unit['router']['deployment']} on {host}"
    return f"{unit['instance']} rank {unit['rank']} on {host}"


def refusal(journal: list[str]) -> str:
    """Return the last sentence with which the checks before a start refused, as the end of a sentence."""
    found = [line.partition("refused: ")[2] for line in journal if line.startswith("refused: ")]
    return f": {found[-1]}" if found else ""


@dataclass
class Wait:
    """The wait of one host for its units."""

    host: str
    units: list[dict[str, Any]]
    started: list[str]
    timeout: float
    board: Board
    chatty: bool
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    next_progress: float = PROGRESS_SECONDS

    def __post_init__(self) -> None:
        """Tell the others that this host is being looked at."""
        self.restarts = dict.fromkeys(self.started, 0)
        for unit in self.units:
            self.board.note(self._key(unit), f"begun{unit['rank']}")

    def _key(self, unit: dict[str, Any]) -> str:
        # Routers of one deployment have the same name on all hosts, and do not depend on each other.
        return f"{unit['name']}.{self.host}" if "router" in unit else str(unit["instance"])

    def pending(self) -> list[dict[str, Any]]:
        """Return the units that have not been seen ready."""
        return [unit for unit in self.units if self.seen.get(unit["name"], {}).get("phase") != "ready"]

    def unit_args(self) -> list[dict[str, Any]]:
        """Return what the remote call needs to know of the units to look at."""
        wanted = self.pending() or self.units
        return [unit["router"] if "router" in unit else {name: unit[name] for name in _FIELDS} for unit in wanted]

    def slice_seconds(self, seconds: float) -> float:
        """Return how long the next remote call may wait."""
        return seconds if self.pending() else 0

    def take(self, units: dict[str, dict[str, Any]], elapsed: float) -> list[str]:
        """Take in what a remote call saw; return lines to print."""
        self.seen.update(units)
        for name, state in units.items():
            # A crash before this wait is not news.
            self.restarts.setdefault(name, state["restarts"])
        for unit in self.units:
            phase = self.seen[unit["name"]]["phase"]
            if phase == "ready" and unit["rank"] == 0:
                self.board.note(self._key(unit), "ready")
            if phase in _BAD:
                self.board.note(self._key(unit), "failed", self.headline(unit))
        if elapsed < self.next_progress:
            return []
        self.next_progress = elapsed + PROGRESS_SECONDS
        return [self.progress(unit, elapsed) for unit in self.pending() if self.chatty or unit["rank"] == 0]

    def progress(self, unit: dict[str, Any], elapsed: float) -> str:
        """Return a line that shows that something moves."""
        state = self.seen[unit["name"]]
        if "router" in unit:
            # Its journal repeats what it tries; what is missing says more.
            return f"{describe(unit, self.host)}: {state['phase']}, {elapsed:.0f} s" + (
                f", {state['trouble']}" if state["trouble"] else ""
            )
        word = {"running": "loading", "starting": "waiting for its checks and peers"}.get(
            state["phase"], state["phase"]
        )
        last = (state["journal"] or [""])[-1].strip()[:160]
        return f"{describe(unit, self.host)}: {word}, {elapsed:.0f} s" + (f", last log line: {last}" if last else "")

    def headline(self, unit: dict[str, Any]) -> str:
        """Return the sentence about a unit that will not become ready by itself."""
        state = self.seen[unit["name"]]
        return f"{describe(unit, self.host)} (unit {unit['name']}) {_BAD[state['phase']]}{refusal(state['journal'])}"

    def failure(self, unit: dict[str, Any]) -> str | None:
        """Return why a unit will not become ready."""
        state = self.seen[unit["name"]]
        if state["phase"] in _BAD:
            lines = "".join(f"\n  {line}" for line in state["journal"])
            shown = f"; the last lines of its journal:{lines}" if lines else ""
            return self.headline(unit) + shown
        elsewhere = self.board.read(self._key(unit), "failed")
        if elsewhere:
            return f"{describe(unit, self.host)} is not waited for any more: {elsewhere}"
        return None

    def leader_pending(self, unit: dict[str, Any]) -> bool:
        """Tell whether another worker is still waiting for the leader of a follower."""
        if unit["rank"] == 0 or self.board.read(self._key(unit), "begun0") is None:
            return False
        return self.board.read(self._key(unit), "ready") is None

    def linger(self, elapsed: Callable[[], float], sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait without remote calls while only leaders on other hosts are not ready yet, for at most one progress step."""
        end = elapsed() + PROGRESS_SECONDS
        while not self.pending() and elapsed() < end and any(map(self.leader_pending, self.units)):
            if any(map(self.failure, self.units)):
                return
            sleep(0.2)

    def verdict(self, elapsed: float) -> str | None:
        """Return the message of a failed wait, an empty one where all is well, None to go on."""
        failures = list(filter(None, map(self.failure, self.units)))
        if failures:
            return "\n".join(failures)
        if not self.pending() and not any(map(self.leader_pending, self.units)):
            return ""
        if elapsed < self.timeout:
            return None
        return "\n".join(map(self.timed_out, self.pending() or self.units))

    def timed_out(self, unit: dict[str, Any]) -> str:
        """Return the message for a unit that did not become ready in time."""
        state = self.seen[unit["name"]]
        trouble = f", {state['trouble']}" if state["trouble"] else ""
        text = f"{describe(unit, self.host)} (unit {unit['name']}) is not ready after {self.timeout:.0f} s: {state['phase']}{trouble}"
        self.board.note(self._key(unit), "failed", text)
        return text + "".join(f"\n  {line}" for line in state["journal"])

    def warnings(self) -> list[str]:
        """Return what is not as the unit asks for, though the server answers."""
        limits = [self.seen[unit["name"]].get("limits", {}).get("memlock", "unlimited") for unit in self.units]
        short = [int(limit) for limit in limits if limit != "unlimited"]
        if not short:
            return []
        return [
            f"The servers on {self.host} may lock {min(short) // 1024} KiB of memory only, although their units ask for no limit; "
            "RDMA needs more (systemd lacks CAP_SYS_RESOURCE in some containers)"
        ]

    def outcome(self) -> dict[str, dict[str, Any]]:
        """Return what was seen, without the journals: the message of a failure has them."""
        return {
            name: {key: value for key, value in unit.items() if key != "journal"} for name, unit in self.seen.items()
        }
