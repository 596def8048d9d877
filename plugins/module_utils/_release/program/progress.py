# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a run, in a file that others can read at any time."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections import deque
from typing import Any

from .errors import KEPT, Refused
from .store import Store, is_locked, write_atomically

_WINDOW = 10.0


class Meter:
    """Counts bytes from many threads, and writes the file about every second."""

    def __init__(self, store: Store, run: str) -> None:
        """Start counting."""
        self._path = store.status
        self._lock = threading.Lock()
        self._begin = time.monotonic()
        self._recent: deque[tuple[float, int]] = deque([(self._begin, 0)])
        self._values: dict[str, Any] = {"run": run, "pid": os.getpid(), "started": round(time.time(), 1)}
        self.read = 0
        self.received = 0
        self.kept = 0
        self.files = 0
        self.last_change = self._begin

    def expect(self, size: int, files: int) -> None:
        """Set the total."""
        self._values.update(bytes_total=size, files_total=files)

    def repeat(self, size: int) -> None:
        """Count bytes to the total a second time, because they are read again."""
        with self._lock:
            self._values["bytes_total"] += size

    def add(self, read: int = 0, received: int = 0, kept: int = 0, files: int = 0) -> None:
        """Count bytes read from the source, received from hosts and kept from an earlier run, and finished files."""
        with self._lock:
            self.read += read
            self.received += received
            self.kept += kept
            self.files += files
            self.last_change = time.monotonic()

    def blame(self, host: str, why: str) -> None:
        """Note what was wrong with another host; the first reason stays."""
        with self._lock:
            self._values["blamed"] = {host: why, **self._values.get("blamed", {})}

    def touch(self) -> None:
        """Start the time without a byte anew, after work that has no bytes."""
        self.last_change = time.monotonic()

    def refuse_stall(self, limit: float, source: str) -> None:
        """Give up a source that gives nothing."""
        silent = time.monotonic() - self.last_change
        if limit and silent > limit:
            raise Refused(f"{source} has returned no data for {silent:.0f} s; make it available, then {KEPT}")

    @property
    def seconds(self) -> float:
        """Return the duration of the run so far."""
        return time.monotonic() - self._begin

    def _rate(self) -> float:
        now, done = time.monotonic(), self.read + self.received + self.kept
        while len(self._recent) > 1 and now - self._recent[0][0] > _WINDOW:
            self._recent.popleft()
        begin, before = self._recent[0]
        self._recent.append((now, done))
        return (done - before) / (now - begin) if now > begin else 0.0

    def write(self, phase: str, state: str = "running", **more: Any) -> dict[str, Any]:
        """Write the file, and return its content."""
        rate, done = self._rate(), self.read + self.received + self.kept
        left = self._values.get("bytes_total", 0) - done
        self._values.update(
            state=state,
            phase=phase,
            bytes_done=done,
            bytes_kept=self.kept,
            source_bytes=self.read,
            received_bytes=self.received,
            files_done=self.files,
            rate=int(rate),
            eta=round(left / rate) if rate > 0 and left >= 0 else None,
            seconds=round(self.seconds, 2),
            updated=round(time.time(), 1),
            **more,
        )
        self._store(json.dumps(self._values, sort_keys=True).encode())
        return dict(self._values)

    def _store(self, data: bytes) -> None:
        try:
            write_atomically(self._path, data, flush=False)
        except OSError:
            # A full disk has no space for a second file, but that it is full must be reported.
            with contextlib.suppress(OSError), open(self._path, "r+b") as handle:
                handle.write(data)
                handle.truncate()


def status(store: Store, wait: float, run: str) -> dict[str, Any]:
    """Return the content of the file as soon as the run has ended, or after a wait."""
    deadline = time.monotonic() + wait
    while True:
        alive = is_locked(store.copy_lock)
        found = _load(store.status)
        if run and found.get("run") != run:
            found = {"run": run, "state": "unknown"}
        if found["state"] == "running" and not alive:
            # The last status is written before the lock is freed, so a second look tells a kill from an end.
            again = _load(store.status)
            found = again if again.get("state") != "running" else {**again, "state": "killed"}
        if found["state"] not in {"running", "unknown"} or time.monotonic() >= deadline:
            return found
        time.sleep(0.1)


def _load(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as handle:
            found: dict[str, Any] = json.load(handle)
    except (FileNotFoundError, ValueError):
        return {"state": "unknown"}
    return found
