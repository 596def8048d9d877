"""Run parts of `make test`, two at a time, and close with a table of what each took and why a part failed.

The first part that fails ends the run; with `make -k` the others go on. Whatever the run started is stopped at its end,
however it ends: the labs of the tests, and the Docker engine if none answered before.
"""

from __future__ import annotations

import collections
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType

from tests.lab import engine, hosts
from tests.lab.settings import REPO

AT_A_TIME = 2
SCENARIOS = sorted(f"molecule-{path.parent.name}" for path in REPO.glob("molecule/*/molecule.yml"))
# The next part starts where one ends: quick parts fail early, and the parts that take longest are not the last.
FIRST = ("lint", "molecule-pd", "unit", "checks", "docs-check", "galaxy", "molecule-hosts", "integration")
ALL = (*FIRST, *(part for part in SCENARIOS if part not in FIRST), "sanity")
PYTEST_CLOSING = re.compile(r"^=+ (.*\b(?:passed|failed|errors?|no tests ran)\b.*) =+$")
# What says why something failed: pytest's own words, also inside of what Ansible prints, and Ansible's.
REASON = re.compile(r"^\W*(?:E  +\S|(?:FAILED|ERROR) \w|\[ERROR\])")
REASONS, WIDTH = 10, 400
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Result:
    """What became of one part."""

    verdict: str = "not run"
    seconds: float = 0
    closing: str = ""
    reasons: tuple[str, ...] = ()


class Run:
    """Some parts, and which of them are under way."""

    def __init__(self, parts: Sequence[str], keep_going: bool) -> None:
        """Start nothing yet."""
        self.results = dict.fromkeys(parts, Result())
        self._keep_going, self._over = keep_going, False
        self._running: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()
        self._width = max(map(len, parts))

    def all(self) -> None:
        """Run all parts to their end; an interrupt stops them."""
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            parts = [pool.submit(self._part, part) for part in self.results]
            try:
                for part in parts:
                    part.result()
            except KeyboardInterrupt:
                print("\ninterrupted: stopping what was started")
                self._stop()

    def ok(self) -> bool:
        """Return whether every part has passed."""
        return all(result.verdict == "ok" for result in self.results.values())

    def report(self, seconds: float) -> None:
        """Print the table, and then the reasons, because logs of continuous integration are cut to their end."""
        print(f"\n{'part':{self._width}} result       time      pytest's closing line")
        for part in self.results:
            print(self._line(part))
        print(f"together {seconds / 60:.1f} minutes")
        for part, result in self.results.items():
            if result.verdict.startswith("FAILED"):
                print(f"from the output of make {part}:", *result.reasons, sep="\n    ", flush=True)

    def _line(self, part: str) -> str:
        result = self.results[part]
        return f"{part:{self._width}} {result.verdict:12} {result.seconds:6.0f} s  {result.closing}".rstrip()

    def _stop(self) -> None:
        with self._lock:
            self._over = True
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)

    def _part(self, part: str) -> None:
        with self._lock:
            if self._over:
                return
            self._print(part, f"##### make {part}")
            process = subprocess.Popen(
                ["make", "--no-print-directory", part],
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.append(process)
        self.results[part] = self._follow(part, process)
        self._print(part, self._line(part))
        if self.results[part].verdict != "ok" and not self._keep_going:
            self._stop()

    def _follow(self, part: str, process: subprocess.Popen[str]) -> Result:
        started = time.monotonic()
        closing, reasons, last = "", collections.deque[str](maxlen=REASONS), collections.deque[str](maxlen=REASONS)
        assert process.stdout is not None
        for line in process.stdout:
            self._print(part, line.rstrip("\n"))
            plain = COLOUR.sub("", line.rstrip())
            found = PYTEST_CLOSING.match(plain)
            closing = found[1] if found else closing
            for lines in (last, reasons) if REASON.match(plain) else (last,):
                lines.append(plain.strip()[:WIDTH])
        status = process.wait()
        with self._lock:
            self._running.remove(process)
            stopped = self._over
        verdict = "ok" if status == 0 else "stopped" if stopped else f"FAILED ({status})"
        return Result(verdict, time.monotonic() - started, closing, tuple(reasons or last))

    def _print(self, part: str, line: str) -> None:
        # One write for each line, so that parts do not mix within one.
        sys.stdout.write(f"{part:{self._width}} | {line}\n")
        sys.stdout.flush()


def main(parts: Sequence[str]) -> int:
    """Run the parts; return the exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    # A shell that starts this in the background has it ignore interrupts, and so would all that it starts.
    signal.signal(signal.SIGINT, _interrupt)
    run = Run(parts, keep_going="k" in os.environ.get("MAKEFLAGS", "").split(" ")[0])
    labs_before, started = _labs(), time.monotonic()
    try:
        run.all()
    finally:
        _stop_what_was_started(parts, labs_before)
        run.report(time.monotonic() - started)
    return int(not run.ok())


def _labs() -> list[str] | None:
    """Return the labs that are up; None if no engine answers."""
    client = engine.answering()
    return None if client is None else hosts.labs(client)


def _stop_what_was_started(parts: Sequence[str], labs_before: list[str] | None) -> None:
    """Remove the labs of these parts, and stop the engine unless it, or another lab, was there before."""
    client = engine.answering()
    if client is None:
        return
    # Another run beside this one has labs of its own.
    for name in {f"test-{part}" for part in parts} & set(hosts.labs(client)):
        if name not in (labs_before or ()):
            hosts.down(client, name)
    if labs_before is None and not hosts.labs(client):
        engine.down()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ALL))
