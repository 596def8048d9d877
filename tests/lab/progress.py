# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of the lab: what is going on, and how long it has been going on."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

HEARTBEAT_SECONDS = 10.0


class LabError(Exception):
    """Something that the person at the keyboard can act on, as one sentence."""


def say(message: str) -> None:
    """Print one line at once, so that a pipe shows it too."""
    print(f"lab: {message}", flush=True)


@contextmanager
def step(what: str, detail: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Announce a step, repeat that it still runs every 10 s, and tell how long it took."""
    begin = time.monotonic()
    done = threading.Event()

    def heartbeat() -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            more = detail()
            say(f"{what}: {time.monotonic() - begin:.0f} s so far" + (f" ({more})" if more else ""))

    say(f"{what} ...")
    threading.Thread(target=heartbeat, daemon=True).start()
    try:
        yield
    finally:
        done.set()
    say(f"{what}: done in {time.monotonic() - begin:.1f} s")


def run_logged(
    what: str,
    argv: Sequence[str],
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a long command with its output in a log file; show the last lines if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out, step(what, lambda: _last_line(log)):
        code = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env, cwd=cwd, check=False
        ).returncode
    if code:
        sys.stderr.write("\n".join(tail(log, 30)) + "\n")
        raise LabError(f"{what} failed: {argv[0]} ended with {code}; the whole output is in {log}.")


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a text file, or nothing if it is not there."""
    if not log.exists():
        return []
    with log.open(errors="replace") as text:
        return [line.rstrip() for line in deque(text, lines)]


def _last_line(log: Path) -> str:
    lines = [line for line in tail(log, 5) if line.strip()]
    return lines[-1].strip()[:100] if lines else ""
