"""Run every part of `make test`, two at a time, and close with a table of what each took and why a part failed.

One lane has the cheap parts first and then the scenario without SGLang, the other one all that starts servers: each waits often, and
both together keep two cores busy. The first part that fails ends the run; `make -k test` goes on to the others. Whatever the run started
is stopped at its end, however it ends: the labs of the tests, and the Docker engine if none answered before.
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
from dataclasses import dataclass
from types import FrameType

from tests.lab import engine, hosts
from tests.lab.settings import REPO

WITHOUT_SGLANG = "molecule-hosts"
SCENARIOS = sorted(f"molecule-{path.parent.name}" for path in REPO.glob("molecule/*/molecule.yml"))
LANES = (
    ("lint", "unit", "checks", "docs-check", "galaxy", "sanity", WITHOUT_SGLANG),
    (*(part for part in SCENARIOS if part != WITHOUT_SGLANG), "integration"),
)
PARTS = [part for lane in LANES for part in lane]
WIDEST = max(map(len, PARTS))
PYTEST_CLOSING = re.compile(r"^=+ (.*\b(?:passed|failed|errors?|no tests ran)\b.*) =+$")
LABS_OF_TESTS = "test-"
# What says why something failed: pytest's own words, also inside of what Ansible prints, and Ansible's.
TELLING = re.compile(r"^\W*(?:E  +\S|(?:FAILED|ERROR) \w|\[ERROR\])")
TOLD, WIDTH = 10, 400
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Result:
    """What became of one part."""

    part: str
    verdict: str
    seconds: float
    closing: str
    telling: tuple[str, ...]

    def line(self) -> str:
        """Its line in the closing table."""
        return f"{self.part:{WIDEST}} {self.verdict:12} {self.seconds:6.0f} s  {self.closing}".rstrip()


class Run:
    """All lanes, and what is under way."""

    def __init__(self, keep_going: bool) -> None:
        """Start nothing yet."""
        self.results: dict[str, Result] = {}
        self._keep_going, self._over = keep_going, False
        self._running: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()

    def all(self) -> None:
        """Run all lanes to their end; an interrupt stops them."""
        lanes = [threading.Thread(target=self._lane, args=(lane,)) for lane in LANES]
        for lane in lanes:
            lane.start()
        try:
            for lane in lanes:
                lane.join()
        except KeyboardInterrupt:
            print("\ninterrupted: stopping what was started")
            self._stop()
            for lane in lanes:
                lane.join()

    def _stop(self) -> None:
        with self._lock:
            self._over = True
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)

    def ok(self) -> bool:
        """Tell whether every part has passed."""
        return all(part in self.results and self.results[part].verdict == "ok" for part in PARTS)

    def _lane(self, parts: tuple[str, ...]) -> None:
        for part in parts:
            process = self._start(part)
            if process is None:
                return
            result = self.results[part] = self._follow(part, process)
            self._say(part, result.line())
            if result.verdict != "ok" and not self._keep_going:
                self._stop()

    def _start(self, part: str) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._over:
                return None
            self._say(part, f"##### make {part}")
            self._running.append(
                subprocess.Popen(
                    ["make", "--no-print-directory", part],
                    env={**os.environ, "PYTHONUNBUFFERED": "1"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )
            )
            return self._running[-1]

    def _follow(self, part: str, process: subprocess.Popen[str]) -> Result:
        started = time.monotonic()
        closing, telling, last = "", collections.deque[str](maxlen=TOLD), collections.deque[str](maxlen=TOLD)
        assert process.stdout is not None
        for line in process.stdout:
            self._say(part, line.rstrip("\n"))
            plain = COLOUR.sub("", line.rstrip())
            found = PYTEST_CLOSING.match(plain)
            closing = found[1] if found else closing
            for lines in (last, telling) if TELLING.match(plain) else (last,):
                lines.append(plain.strip()[:WIDTH])
        status = process.wait()
        with self._lock:
            self._running.remove(process)
            stopped = self._over
        verdict = "ok" if status == 0 else "stopped" if stopped else f"FAILED ({status})"
        return Result(part, verdict, time.monotonic() - started, closing, tuple(telling or last))

    @staticmethod
    def _say(part: str, line: str) -> None:
        # One write for each line, so that the lanes do not mix within one.
        sys.stdout.write(f"{part:{WIDEST}} | {line}\n")
        sys.stdout.flush()


def main() -> int:
    """Run the parts; the exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    # A shell that starts this in the background has it ignore interrupts, and so would all that it starts.
    signal.signal(signal.SIGINT, _interrupt)
    run = Run(keep_going="k" in os.environ.get("MAKEFLAGS", "").split(" ")[0])
    labs_before, started = _labs(), time.monotonic()
    try:
        run.all()
    finally:
        _stop_what_was_started(labs_before)
        _report(run.results, time.monotonic() - started)
    return int(not run.ok())


def _labs() -> list[str] | None:
    """The labs that are up; None if no engine answers."""
    client = engine.answering()
    return None if client is None else hosts.labs(client)


def _stop_what_was_started(labs_before: list[str] | None) -> None:
    client = engine.answering()
    if client is None:
        return
    for name in hosts.labs(client):
        if labs_before is None or (name not in labs_before and name.startswith(LABS_OF_TESTS)):
            hosts.down(client, name)
    if labs_before is None:
        engine.down()


def _report(results: dict[str, Result], seconds: float) -> None:
    print(f"\n{'part':{WIDEST}} result       time      pytest's closing line")
    for part in PARTS:
        print(results[part].line() if part in results else f"{part:{WIDEST}} not run")
    print(f"together {seconds / 60:.1f} minutes")
    # Last, because logs of continuous integration are cut to their end.
    for result in results.values():
        if result.verdict.startswith("FAILED"):
            print(f"from what make {result.part} said:", *result.telling, sep="\n    ", flush=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
