# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow the copies of one host: what to print, and when to end. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import duration, host_port, size
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.request import BLOCK

from .._action import PROGRESS_SECONDS
from .board import Board

ENDED = ("done", "failed", "killed")
MANY = 8
# How long in seconds a copy may report nothing before it is given up, as while it reads a damaged release again.
SILENCE = 1800.0


def line(name: str, status: Mapping[str, Any]) -> str:
    """Return how far a copy is."""
    total = status.get("bytes_total")
    if status["state"] != "running" or not total:
        return f"{name}: comparing the source, or waiting for the hosts before this one"
    done = status["bytes_done"]
    text = f"{name}: {100 * done / total:.0f} % of {size(total)}, {size(status['rate'])}/s"
    if status.get("eta") is not None:
        text += f", {duration(status['eta'])} left"
    return text + (f", no report for {duration(status['silent'])}" if status.get("silent", 0) > 30 else "")


def ending(name: str, status: Mapping[str, Any]) -> str:
    """Return the last line about a copy."""
    if not status.get("changed"):
        return f"{name}: was on this host already, and was served to other hosts"
    kept = f", {size(status['bytes_kept'])} kept from before" if status.get("bytes_kept") else ""
    seconds = max(0.01, float(status["seconds"]))
    rate = (status["bytes_total"] - status["bytes_kept"]) / seconds
    return (
        f"{name}: {size(status['bytes_total'])} in {duration(seconds)}, {size(rate)}/s: "
        f"{size(status['source_bytes'])} from the source, {size(status['received_bytes'])} from other hosts{kept}"
    )


@dataclass
class Others:
    """What is printed about hosts that Ansible has not started: with fewer forks than hosts, one host reports them."""

    addresses: dict[str, str]
    before: dict[str, tuple[float, int]] = field(default_factory=dict)

    def lines(self, name: str, status: Mapping[str, Any], hosts: list[str], elapsed: float) -> list[str]:
        """Return a line for each of a few hosts, one for many; hosts that do not answer have not begun, or ended."""
        found = {}
        for host in hosts:
            blocks = status.get("others", {}).get(self.addresses[host])
            if blocks is not None and status.get("bytes_total"):
                found[host] = self._status(
                    host, min(blocks * BLOCK, status["bytes_total"]), status["bytes_total"], elapsed
                )
        if len(found) <= MANY:
            return [f"{host}: {line(name, state)}" for host, state in found.items()]
        parts = {host: 100 * state["bytes_done"] / state["bytes_total"] for host, state in found.items()}
        slowest = min(parts, key=lambda host: parts[host])
        return [f"{len(parts)} more hosts: {name}: {parts[slowest]:.0f} % ({slowest}) to {max(parts.values()):.0f} %"]

    def _status(self, host: str, done: int, total: int, elapsed: float) -> dict[str, Any]:
        begin, first = self.before.setdefault(host, (elapsed, done))
        rate = (done - first) / (elapsed - begin) if elapsed > begin else 0.0
        self.before[host] = (elapsed, done)
        eta = (total - done) / rate if rate > 0 else None
        return {"state": "running", "bytes_total": total, "bytes_done": done, "rate": rate, "eta": eta}


class Speaker:
    """Which worker of a task reports the hosts that have no worker yet: the first one that still waits."""

    def __init__(self, host: str, run: Mapping[str, Any], board: Board) -> None:
        """Note that this host has a worker. run: what the step plan has decided."""
        self._host, self._board = host, board
        self._entries = {name: entry for name, entry in run["releases"].items() if host in entry["hosts"]}
        self._others = {name: Others(_addresses(entry)) for name, entry in self._entries.items()}
        board.note(host, "begun")

    def _is(self, host: str, kind: str) -> bool:
        return self._board.read(host, kind) is not None

    def speaks(self) -> bool:
        """Return whether no host before this one has a worker that waits."""
        chains = [entry["hosts"] for entry in self._entries.values()]
        before = [host for chain in chains for host in chain[: chain.index(self._host)]]
        return not any(self._is(host, "begun") and not self._is(host, "ended") for host in before)

    def lines(self, found: Mapping[str, dict[str, Any]], elapsed: float) -> list[str]:
        """Return what is printed about the hosts without a worker."""
        lines = []
        for name, status in found.items():
            hosts = [host for host in self._entries[name]["hosts"] if not self._is(host, "begun")]
            lines += self._others[name].lines(name, status, hosts, elapsed)
        return lines

    def end(self) -> None:
        """Leave it to the next one."""
        self._board.note(self._host, "ended")


def _addresses(entry: Mapping[str, Any]) -> dict[str, str]:
    return {host: host_port(*address) for host, address in zip(entry["hosts"], entry["addresses"], strict=True)}


@dataclass
class Follow:
    """The wait of one host for its copies."""

    host: str
    names: list[str]
    silence: float = SILENCE
    progress: float = PROGRESS_SECONDS
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    next_progress: float = 0.0

    def __post_init__(self) -> None:
        """Print nothing about a copy that is over before the first progress step."""
        self.next_progress = self.progress

    def pending(self) -> list[str]:
        """Return the releases whose copy has not ended."""
        return [name for name in self.names if self.seen.get(name, {}).get("state") not in ENDED]

    def take(self, found: Mapping[str, dict[str, Any]], elapsed: float) -> list[str]:
        """Take in what a remote call saw; return lines to print."""
        lines = [ending(name, status) for name, status in found.items() if status["state"] == "done"]
        for name, status in found.items():
            if status["state"] == "starting":
                # It has reported nothing since this wait began.
                status["silent"] = elapsed - self.begun.setdefault(name, elapsed)
        self.seen.update(found)
        if self.due(elapsed):
            self.next_progress = elapsed + self.progress
            lines += [line(name, self.seen[name]) for name in self.pending()]
        return [f"{self.host}: {text}" for text in lines]

    def due(self, elapsed: float) -> bool:
        """Return whether it is time for a line."""
        return elapsed >= self.next_progress

    def verdict(self) -> str | None:
        """Return the message of a failed copy, an empty one where all have succeeded, None to go on."""
        failures = []
        for name, status in self.seen.items():
            if status["state"] in {"failed", "killed"}:
                failures.append(
                    f"{name}: {status.get('msg', 'the copy was killed; run again: what was copied is kept')}"
                )
            elif status.get("silent", 0) > self.silence:
                failures.append(
                    f"{name}: the copy has reported nothing for {duration(status['silent'])}; its file server does not "
                    "answer. Make it available and run again: what was copied is kept"
                )
        if failures:
            return "\n".join(failures)
        return None if self.pending() else ""

    def blamed(self) -> list[str]:
        """Return what was wrong with other hosts."""
        return [
            f"{self.host}: {name}: {other} {why}"
            for name, status in self.seen.items()
            for other, why in sorted(status.get("blamed", {}).items())
        ]
