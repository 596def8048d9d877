"""Run every part of `make test`, cheap ones first, and close with a table of what each took.

The first part that fails ends the run; `make -k test` goes on to the others. Whatever the run started is stopped at its end,
however it ends: the labs of the tests, and the Docker engine if none answered before.
"""

from __future__ import annotations

import collections
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from types import FrameType

from tests.lab import engine, hosts

PARTS = ("lint", "unit", "checks", "docs-check", "galaxy", "sanity", "molecule", "integration")
PYTEST_CLOSING = re.compile(r"^=+ (.*\b(?:passed|failed|errors?|no tests ran)\b.*) =+$")
LABS_OF_TESTS = "test-"
# What says why something failed: pytest's own words, also inside of what Ansible prints, and Ansible's.
TELLING = re.compile(r"^\W*(?:E  +\S|FAILED |ERROR |\[ERROR\]|fatal: \[)")
TOLD, WIDTH = 15, 240
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Result:
    """What became of one part."""

    part: str
    status: int
    seconds: float
    closing: str
    telling: tuple[str, ...]

    def line(self) -> str:
        """Its line in the closing table."""
        verdict = "ok" if self.status == 0 else f"FAILED ({self.status})"
        return f"{self.part:12} {verdict:12} {self.seconds:6.0f} s  {self.closing}".rstrip()


def main() -> int:
    """Run the parts; the exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    keep_going = "k" in os.environ.get("MAKEFLAGS", "").split(" ")[0]
    labs_before = _labs()
    results: list[Result] = []
    try:
        for part in PARTS:
            results.append(_run(part))
            if results[-1].status and not keep_going:
                break
    except KeyboardInterrupt:
        print("\ninterrupted: stopping what was started")
    finally:
        _stop_what_was_started(labs_before)
        _report(results)
    return int(len(results) < len(PARTS) or any(result.status for result in results))


def _run(part: str) -> Result:
    print(f"\n##### make {part}", flush=True)
    started = time.monotonic()
    closing, telling, last = "", collections.deque[str](maxlen=TOLD), collections.deque[str](maxlen=TOLD)
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
    assert process.stdout is not None
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            plain = COLOUR.sub("", line.rstrip())
            found = PYTEST_CLOSING.match(plain)
            closing = found[1] if found else closing
            for lines in (last, telling) if TELLING.match(plain) else (last,):
                lines.append(plain.strip()[:WIDTH])
        status = process.wait()
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        raise
    return Result(part, status, time.monotonic() - started, closing, tuple(telling or last))


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


def _report(results: list[Result]) -> None:
    for result in results:
        if result.status:
            print(f"\nfrom what make {result.part} said:", *result.telling, sep="\n    ")
    print("\npart         result       time      pytest's closing line")
    for result in results:
        print(result.line())
    for part in PARTS[len(results) :]:
        print(f"{part:12} not run")
    print(f"together {sum(result.seconds for result in results) / 60:.1f} minutes", flush=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
