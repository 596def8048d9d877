# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One release to many hosts: python -m tests.bench.bench_fanout [--hosts N ...] [--size MIB] [--rate MBIT], as root."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.multinode.sglang.plugins.module_utils._release import service
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.store import Store

from tests.lab import engine

from .measure import REPO
from .networks import Network, network
from .torrent import aria2, torrent

SHARDS = 8
PORT = 21500
TOKEN = "a token of the run"  # noqa: S105
# A run of seconds cannot wait for the two seconds between looks at a slow host that suit one of minutes.
LOOK = 0.25
SLOW = 4


@dataclass(frozen=True)
class Way:
    """How the hosts get the release, what is done to them, and how much longer than one transfer it may take."""

    name: str
    star: bool = False
    torrent: bool = False
    fault: str = ""
    limit: float | None = None


WAYS = (
    Way("chain", limit=1.15),
    Way("chain, one host killed", fault="kill", limit=1.25),
    Way(f"chain, one host {SLOW} times slower", fault="slow", limit=1.5),
    Way("BitTorrent (aria2)", torrent=True),
    Way("star", star=True),
)


class Run:
    """One release on its way from host 0 to all others."""

    def __init__(self, root: Path, net: Network, count: int, way: Way) -> None:
        """Keep where the program and the source are."""
        self.root, self.net, self.count, self.way = root, net, count, way
        self.victim = count // 2 + 1
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.begin = time.time()

    def _plan(self, number: int) -> dict[str, object]:
        hosts = list(range(self.count + 1))
        if self.way.star and number:
            hosts = [0, number]
        plan = {"token": TOKEN, "own": hosts.index(number), "hosts": [[self.net.address(host), PORT] for host in hosts]}
        return {**plan, "grace": 60, "linger": 60, "look": LOOK}

    def start(self, number: int) -> None:
        """Start the program on a host."""
        command = [*self.net.inside(number), *sync(self.root, number, self._plan(number))]
        self.running[number] = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def state(self, number: int) -> dict[str, object]:
        """Return what the program on a host says, with when it was said."""
        path = Path(Store(f"{self.root}/store{number}").status)
        try:
            found: dict[str, object] = json.loads(path.read_text())
        except OSError:
            return {"state": "starting"}
        return {**found, "at": path.stat().st_mtime - self.begin} if found["run"] == "bench" else {"state": "starting"}

    def go(self, after: float) -> float:
        """Start all, make the fault after some seconds, and return when the last host had everything."""
        self.start(0)
        wait_for(lambda: self.state(0)["state"] == "done")
        self.begin = time.time()
        for number in range(1, self.count + 1):
            self.start(number)
        waiting = set(range(1, self.count + 1)) - ({self.victim} if self.way.fault else set())
        if self.way.fault == "slow":
            self.net.shape(self.victim, self.net.megabits // SLOW)
        if self.way.fault == "kill":
            time.sleep(after)
            self.running[self.victim].kill()
        wait_for(lambda: all(self.state(number)["state"] in {"done", "failed"} for number in waiting))
        states = [self.state(number) for number in waiting]
        if any(state["state"] == "failed" for state in states):
            raise SystemExit(f"{self.way.name}: {states}")
        return max(float(str(state["at"])) for state in states)

    def source_bytes(self) -> int:
        """Return what the hosts have read past the network, because nobody gave it to them."""
        states = [self.state(number) for number in range(1, self.count + 1)]
        return sum(int(str(state.get("source_bytes", 0))) for state in states)

    def end(self) -> None:
        """End the program everywhere."""
        for process in self.running.values():
            process.kill()
            process.wait()


class Swarm:
    """The same release in a swarm of BitTorrent, whose first host has everything and is the tracker."""

    def __init__(self, root: Path, net: Network, count: int) -> None:
        """Keep where the source is."""
        self.root, self.net, self.count = root, net, count
        self.running: list[subprocess.Popen[bytes]] = []

    def _start(self, number: int, *words: str) -> subprocess.Popen[bytes]:
        self.running.append(subprocess.Popen([*self.net.inside(number), *words], cwd=REPO, stdout=subprocess.PIPE))
        return self.running[-1]

    def go(self, _after: float) -> float:
        """Start all, and return when the last host had everything."""
        file = self.root / "model.torrent"
        file.write_bytes(torrent(self.root / "source", self.net.address(0)))
        tracker = self._start(0, sys.executable, "-m", "tests.bench.torrent", self.net.address(0))
        assert tracker.stdout is not None
        tracker.stdout.readline()
        self._start(0, *aria2(file, self.root, self.net.address(0), None))
        begin = time.time()
        marks = [self._get(file, number) for number in range(1, self.count + 1)]
        wait_for(lambda: all(mark.exists() for mark in marks))
        return max(mark.stat().st_mtime for mark in marks) - begin

    def _get(self, file: Path, number: int) -> Path:
        place = self.root / f"store{number}"
        place.mkdir()
        hook, mark = place / "hook", place / "done"
        hook.write_text(f"#!/bin/sh\n: > {mark}\n")
        hook.chmod(0o755)
        self._start(number, *aria2(file, place, self.net.address(number), hook))
        return mark

    def source_bytes(self) -> int:
        """Return nothing: no host of a swarm knows the source."""
        return 0

    def end(self) -> None:
        """End the client everywhere."""
        for process in self.running:
            process.kill()
            process.communicate()


def sync(root: Path, number: int, plan: dict[str, object] | None = None) -> list[str]:
    """Write the request for a copy to a host, and return the command that carries it out."""
    # The hosts' own Python starts faster than one in a virtual environment.
    python = shutil.which("python3", path=os.defpath) or sys.executable
    # One thread for each of many hosts on few cores: two streams that share a card deliver each block half as fast.
    options = {"run": "bench" if plan else "first", "reserve": 1 << 20, "threads": 1, "plan": plan}
    request = {"store": f"{root}/store{number}", "source": f"{root}/source", **options}
    path = root / f"request{number}.json"
    path.write_text(json.dumps(request))
    return [python, *service.PYTHON[1:], f"{root}/program/{service.LAUNCHER}", str(path)]


def wait_for(happened: Callable[[], bool], seconds: float = 600) -> None:
    """Return once something has happened."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise SystemExit("the hosts did not come to an end")
        time.sleep(0.02)


@contextmanager
def place(directory: str, size: int) -> Iterator[Path]:
    """Make the source, the program, and the release on the first host."""
    with tempfile.TemporaryDirectory(prefix="bench-fanout-", dir=directory) as name:
        root = Path(name)
        service.write_program(str(root / "program"), service.program_files())
        (root / "source").mkdir()
        lines = []
        for number in range(SHARDS):
            digest = hashlib.sha256()
            with open(root / f"source/shard{number}.bin", "wb") as handle:
                for _piece in range(size // SHARDS):
                    piece = os.urandom(1 << 20)
                    digest.update(piece)
                    handle.write(piece)
            lines.append(f"{digest.hexdigest()}  shard{number}.bin\n")
        # Without them a second host would read the source, past the network that is measured.
        (root / "source/SHA256SUMS").write_text("".join(lines))
        subprocess.run(sync(root, 0), check=True, stdout=subprocess.DEVNULL)
        yield root


def measure(root: Path, count: int, way: Way, args: argparse.Namespace) -> bool:
    """Bring the release to so many hosts, print a line, and tell whether the limit was kept."""
    alone = args.size * (1 << 20) * 8 / (args.rate * 1e6)
    with network(count + 1, args.rate) as net:
        run = Swarm(root, net, count) if way.torrent else Run(root, net, count, way)
        try:
            seconds = run.go(alone / 2)
            sent = (net.sent(0) + run.source_bytes()) / (args.size << 20)
        finally:
            run.end()
    for number in range(1, count + 1):
        shutil.rmtree(root / f"store{number}", ignore_errors=True)
    ratio = seconds / alone
    missed = way.limit is not None and ratio > way.limit
    limit = f"  at most {way.limit:.2f}{': MISSED' if missed else ''}" if way.limit else ""
    print(f"{way.name:32} {count:5} {seconds:8.2f} {ratio:6.2f} {sent:7.2f}{limit}", flush=True)
    return not missed


def main() -> int:
    """Print the table; the exit status tells whether the limits were kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument(
        "--size", type=int, default=768, help="MiB (768); so much must be free for each host and two more"
    )
    parser.add_argument("--rate", type=int, default=100, help="Mbit/s of every card (100)")
    parser.add_argument("--directory", default="/dev/shm", help="where all hosts keep their releases (/dev/shm)")
    args = parser.parse_args()
    if shutil.which("aria2c") is None:
        engine.apt_install("aria2")
    # However it ends, the namespaces go.
    signal.signal(signal.SIGTERM, lambda *_unused: sys.exit(1))
    print(f"{args.size} MiB in {SHARDS} files, every card {args.rate} Mbit/s")
    print("RATIO: to one transfer alone, SOURCE: what the first host sent")
    print(f"{'':32} {'HOSTS':>5} {'SECONDS':>8} {'RATIO':>6} {'SOURCE':>7}")
    with place(args.directory, args.size) as root:
        # The star takes as many times longer as there are hosts, so the fewest show it.
        runs = [(count, way) for count in args.hosts for way in WAYS if not way.star or count == min(args.hosts)]
        kept = [measure(root, count, way, args) for count, way in runs]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
