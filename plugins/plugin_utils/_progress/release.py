# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Following the copies of one host: what to print, and when to end. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._release.host import size
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.sync import BLOCK

ENDED = ("done", "failed", "killed")
MANY = 8


def duration(seconds: float) -> str:
    """Return a time as one reads it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def line(name: str, status: Mapping[str, Any]) -> str:
    """Return how far a copy is."""
    total = status.get("bytes_total")
    if status["state"] != "running" or not total:
        return f"{name}: looking at the source, or waiting for the hosts before this one"
    done = status["bytes_done"]
    text = f"{name}: {100 * done / total:.0f} % of {size(total)}, {size(status['rate'])}/s"
    if status.get("eta") is not None:
        text += f", {duration(status['eta'])} left"
    return text + (f", no word for {duration(status['silent'])}" if status.get("silent", 0) > 30 else "")


def ending(name: str, status: Mapping[str, Any]) -> str:
    """Return the last line about a copy."""
    if not status.get("changed"):
        return f"{name}: is here already, and was given to others"
    kept = f", {size(status['bytes_kept'])} kept from before" if status.get("bytes_kept") else ""
    seconds = max(0.01, float(status["seconds"]))
    rate = (status["bytes_total"] - status["bytes_kept"]) / seconds
    return (
        f"{name}: {size(status['bytes_total'])} in {duration(seconds)}, {size(rate)}/s: "
        f"{size(status['source_bytes'])} from the source, {size(status['received_bytes'])} from other hosts{kept}"
    )


@dataclass
class Others:
    """What is printed about hosts that Ansible has not come to: with fewer forks than hosts, one host tells it of them."""

    addresses: dict[str, str]
    before: dict[str, tuple[float, int]] = field(default_factory=dict)

    def lines(self, name: str, status: Mapping[str, Any], hosts: list[str], elapsed: float) -> list[str]:
        """Return a line for each of a few hosts, one for all of many; hosts that do not answer have not begun, or have ended."""
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


@dataclass
class Follow:
    """The wait of one host for its copies."""

    host: str
    names: list[str]
    silence: float
    progress: float
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
                # It has told nothing since it was first looked at, in the time that this wait has taken.
                status["silent"] = elapsed - self.begun.setdefault(name, elapsed)
        self.seen.update(found)
        if self.due(elapsed):
            self.next_progress = elapsed + self.progress
            lines += [line(name, self.seen[name]) for name in self.pending()]
        return [f"{self.host}: {text}" for text in lines]

    def due(self, elapsed: float) -> bool:
        """Tell whether it is time for a line."""
        return elapsed >= self.next_progress

    def verdict(self) -> str | None:
        """Return the message of a failed copy, an empty one where all is well, None to go on."""
        failures = []
        for name, status in self.seen.items():
            if status["state"] in {"failed", "killed"}:
                failures.append(
                    f"{name}: {status.get('msg', 'the copy was killed; run again: what was copied is kept')}"
                )
            elif status.get("silent", 0) > self.silence:
                failures.append(
                    f"{name}: the copy has told nothing for {duration(status['silent'])}; its file server does not answer. "
                    "Bring it back and run again: what was copied is kept"
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
