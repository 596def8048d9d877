# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy and verify beside other tools: python -m tests.bench.bench_weights [--size MIB] [--runs N] [--directory DIR]."""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.multinode.sglang.plugins.module_utils._release import service

SHARDS = 8
MANY = 1000
# What the module does where nothing is to be done, and to verify; it runs inside the call of the module.
FUNCTIONS = """
import sys
sys.path.insert(0, {program!r})
from multinode_sglang._release.program.compare import missing
from multinode_sglang._release.program.request import Request
from multinode_sglang._release.program.store import Store
from multinode_sglang._release.program.verify import verify
store = Store({target!r})
if sys.argv[1] == "compare":
    print(missing(store, Request({source!r})))
else:
    print(verify(store, store.digests()[0], full=True).ok)
"""
HASHLIB = """
import hashlib, sys
buffer = bytearray(1 << 20)
view = memoryview(buffer)
for path in sys.argv[1:]:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as handle:
        while count := handle.readinto(buffer):
            digest.update(view[:count])
    print(digest.hexdigest(), path, sep="  ")
"""


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    seconds: float
    cpu: float


@dataclass(frozen=True)
class Method:
    """A way to do the same; it prints or writes the SHA-256 of every file."""

    name: str
    command: str
    limit: float | None = None
    needs: str = "cp"


class Place:
    """The directories of the benchmark and its methods."""

    def __init__(self, root: Path) -> None:
        """Put the program there as a host has it."""
        self.root, self.source, self.target = root, root / "source", root / "target"
        service.write_program(str(root / "program"), service.program_files())
        (root / "hashes.py").write_text(HASHLIB)
        places = {"program": str(root / "program"), "source": str(self.source), "target": str(self.target)}
        (root / "functions.py").write_text(FUNCTIONS.format(**places))
        request = {"store": str(self.target), "source": str(self.source), "run": "bench", "reserve": 1 << 20}
        (root / "request.json").write_text(json.dumps(request))
        options = " ".join(service.PYTHON[1:])
        # The hosts' own Python starts faster than one in a virtual environment.
        python = shutil.which("python3", path=os.defpath) or sys.executable
        self.sync = f"{python} {options} {root}/program/{service.LAUNCHER} {root}/request.json"
        self.functions = f"{python} {options} {root}/functions.py"
        self.hashlib = f"{python} {options} {root}/hashes.py"

    def copies(self) -> list[Method]:
        """Return the ways to copy and verify; a limit is how many times the CPU seconds of that way ours may take."""
        source, target = self.source, self.target
        return [
            Method("this collection", self.sync),
            Method("cp, not verified", f"cp -r {source} {target}"),
            Method("cp + hashlib", f"cp -r {source} {target} && {self.hashlib} {target}/*", 1.0),
            Method("cp + sha256sum", f"cp -r {source} {target} && sha256sum {target}/*", 1 / 3, "sha256sum"),
            Method("rsync -a + sha256sum", f"rsync -a {source}/ {target}/ && sha256sum {target}/*", 1 / 3, "rsync"),
            Method(
                "rclone copy + sha256sum", f"rclone copy {source} {target} && sha256sum {target}/*", 1 / 3, "rclone"
            ),
        ]

    def verifications(self) -> list[Method]:
        """Return the ways to read everything again."""
        files = f"{self.target}/releases/*/[!.]*"
        return [
            Method("this collection", f"{self.functions} verify"),
            Method("hashlib", f"{self.hashlib} {files}"),
            Method("sha256sum", f"sha256sum {files}", 1 / 3, "sha256sum"),
        ]

    def nothing(self) -> list[Method]:
        """Return the ways to find out that nothing is to be done; the limit is of the seconds."""
        copy = self.root / "copy"
        return [
            Method("this collection", f"{self.functions} compare"),
            Method("rsync -a", f"rsync -a {self.source}/ {copy}/", 1.0, "rsync"),
        ]


def measure(command: str) -> Cost:
    """Run a command of the shell; one that fails ends the benchmark."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(["sh", "-c", command], check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def compare(title: str, methods: list[Method], runs: int, prepare: Callable[[], None], by: str = "cpu") -> bool:
    """Let the methods take turns, print a table, and tell whether every limit was kept."""
    present = [method for method in methods if shutil.which(method.needs)]
    costs: dict[str, list[Cost]] = {method.name: [] for method in present}
    for _turn in range(runs):
        for method in present:
            prepare()
            costs[method.name].append(measure(method.command))
    ours = costs[methods[0].name]
    print(f"\n{title} (median of {runs} runs)\n{'':28} {'SECONDS':>8} {'CPU':>8}  OURS / THIS, SECONDS AND CPU")
    kept = True
    for method in present:
        own = costs[method.name]
        ratios = {name: _median(ours, name) / _median(own, name) for name in ("seconds", "cpu")}
        missed = method.limit is not None and ratios[by] > method.limit
        kept &= not missed
        limit = f"  at most {method.limit:.2f} of {by}{': MISSED' if missed else ''}" if method.limit else ""
        line = f"{method.name:28} {_median(own, 'seconds'):8.3f} {_median(own, 'cpu'):8.3f}"
        print(f"{line}  {ratios['seconds']:5.2f} {ratios['cpu']:5.2f}{limit}")
    absent = [method.name for method in methods if method not in present]
    if absent:
        print(f"not installed here: {', '.join(absent)}")
    return kept


def _median(costs: list[Cost], name: str) -> float:
    return statistics.median(getattr(cost, name) for cost in costs)


def check_same(place: Place) -> None:
    """End the benchmark if the release has other sums than the peers would find."""
    (manifest,) = place.target.glob("releases/*/.release/manifest.json")
    ours = {name: entry["sha256"] for name, entry in json.loads(manifest.read_text())["files"].items()}
    printed = subprocess.run(  # noqa: S602 the words of this benchmark
        f"{place.hashlib} *",
        shell=True,
        cwd=place.source,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    theirs = {name: digest for digest, name in (line.split("  ") for line in printed.splitlines())}
    if ours != theirs:
        raise SystemExit("the manifest has other sums than hashlib")


@contextmanager
def workplace(directory: str) -> Iterator[Place]:
    """Make the directories, and remove them whatever happens."""
    with tempfile.TemporaryDirectory(prefix="bench-weights-", dir=directory) as name:
        yield Place(Path(name))


def bench_copies(directory: str, size: int, runs: int) -> bool:
    """Measure copies and verifications of some large files."""
    with workplace(directory) as place:
        place.source.mkdir()
        for number in range(SHARDS):
            with open(place.source / f"shard{number}.bin", "wb") as handle:
                for _piece in range(size // SHARDS):
                    handle.write(os.urandom(1 << 20))

        def fresh() -> None:
            subprocess.run(["rm", "-rf", place.target], check=True)

        title = f"Copy and verify, {SHARDS} files of {size // SHARDS} MiB in {directory}"
        copied = compare(title, place.copies(), runs, fresh)
        fresh()
        measure(place.sync)
        check_same(place)
        return compare("Read everything again", place.verifications(), runs, lambda: None) and copied


def bench_nothing(directory: str, runs: int) -> bool:
    """Measure a run with nothing to do."""
    with workplace(directory) as place:
        place.source.mkdir()
        for number in range(MANY):
            with open(place.source / f"shard{number:04}.bin", "wb") as handle:
                handle.truncate((100 + number) << 10)
        measure(place.sync)
        for method in place.nothing():
            if shutil.which(method.needs):
                measure(method.command)
        return compare(f"Nothing to do, {MANY} sparse files", place.nothing(), runs, lambda: None, "seconds")


def main() -> int:
    """Print the tables; the exit status tells whether the limits were kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB to copy (1024); twice that must be free")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--directory", default="/dev/shm", help="where to copy from and to (/dev/shm)")
    args = parser.parse_args()
    kept = bench_copies(args.directory, args.size, args.runs)
    return 0 if bench_nothing(args.directory, 4 * args.runs) and kept else 1


if __name__ == "__main__":
    sys.exit(main())
