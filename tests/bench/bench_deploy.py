"""Time the deploy beside a plain playbook: python -m tests.bench.bench_deploy [--hosts 4 32] [--rounds 2] [--whole]."""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import scenario
from .measure import REPO, Run, play

DEPLOY = REPO / "playbooks" / "deploy.yml"
PLAIN = REPO / "tests" / "bench" / "plain" / "deploy.yml"
MOST_SHARE = 0.2
MOST_MODULES = 12
# Seconds of each further host against seconds per host of the small lab; above this it is worse than linear.
MOST_GROWTH = 1.2
ROW = "{:>5}  {:10} {:12} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8}"
HEAD = ROW.format("HOSTS", "PLAYBOOK", "RUN", "SECONDS", "PER HOST", "CPU", "MODULES", "CALLS", "CHANGED")


@dataclass(frozen=True)
class Measured:
    """The runs of one size, by playbook and kind of run."""

    hosts: int
    runs: dict[tuple[str, str], list[Run]]

    def median(self, playbook: str, kind: str, value: Callable[[Run], float]) -> float:
        """The median of one figure over the rounds."""
        return statistics.median(value(run) for run in self.runs[playbook, kind])

    def seconds(self, playbook: str, kind: str) -> float:
        """The median of the wall-clock time."""
        return self.median(playbook, kind, lambda run: run.seconds)


class Bench:
    """The runs on one lab."""

    def __init__(self, directory: Path, hosts: int) -> None:
        """Prepare the inventory; nothing is started yet."""
        self.lab = scenario.lab(hosts)
        self.inventory = scenario.lab_inventory(directory, self.lab)
        self.directory = directory
        self.measured = Measured(hosts, {})

    def run(self, playbook: str, kind: str, *words: str, unchanged: bool = True) -> None:
        """Measure one run and print its line."""
        run = play(DEPLOY if playbook == "collection" else PLAIN, self.inventory, *words)
        print(line(self.measured.hosts, playbook, kind, run), flush=True)
        if unchanged and run.changed:
            sys.stderr.write(run.output[-8000:])
            raise SystemExit(
                f"The {playbook} playbook changed {run.changed} things where it should have found everything right."
            )
        self.measured.runs.setdefault((playbook, kind), []).append(run)

    def all(self, rounds: int, whole: bool) -> Measured:
        """Run the collection on fresh hosts, then both on deployed hosts; `whole`: the plain one on fresh hosts."""
        plan = self.directory / "plan.json"
        self.lab.down()
        self.lab.up()
        try:
            print(HEAD)
            self.run("collection", "first", "-e", f"sglang_plan_dest={plan}", unchanged=False)
            scenario.keep_files(self.directory, self.lab, plan)
            for _round in range(rounds):
                for kind, words in (("second", ()), ("check", ("--check",))):
                    self.run("collection", kind, *words)
                    if whole or kind == "second":
                        self.run("plain", kind, *words)
            if whole:
                self.lab.down()
                self.lab.up()
                self.run("plain", "first", unchanged=False)
                # It notes who deploys, and what it found before it tuned anything.
                self.run("collection", "after plain", unchanged=False)
        finally:
            self.lab.down()
        return self.measured


def line(hosts: int, playbook: str, kind: str, run: Run) -> str:
    """One line of the table; modules and calls are those of one host."""
    figures = (
        f"{run.seconds:.1f}",
        f"{run.seconds / hosts:.2f}",
        f"{run.cpu:.1f}",
        f"{run.modules / hosts:.1f}",
        f"{run.calls / hosts:.1f}",
    )
    return ROW.format(hosts, playbook, kind, *figures, run.changed)


def beside_plain(measured: Measured) -> Iterator[str]:
    """Print how the collection compares with the plain playbook; yield the targets that are missed."""
    for kind in (kind for playbook, kind in measured.runs if playbook == "plain"):
        share = measured.seconds("collection", kind) / measured.seconds("plain", kind)
        print(f"{measured.hosts} hosts, {kind} run: the collection takes {share:.2f} of the plain playbook's time")
        if kind == "second" and share > MOST_SHARE:
            yield f"{measured.hosts} hosts: {share:.2f} of the plain playbook's time, wanted {MOST_SHARE}"
    modules = measured.median("collection", "second", lambda run: run.modules / run.hosts)
    if modules > MOST_MODULES:
        yield f"{measured.hosts} hosts: {modules:.1f} modules a host on a second run, wanted {MOST_MODULES}"


def growth(small: Measured, large: Measured) -> Iterator[str]:
    """Print what each further host costs; yield the targets that are missed."""
    for kind in ("first", "second", "check"):
        before, after = (measured.seconds("collection", kind) for measured in (small, large))
        each, average = (after - before) / (large.hosts - small.hosts), before / small.hosts
        print(
            f"{kind} run: {average:.2f} s for each of {small.hosts} hosts, "
            f"{each:.2f} s for each further one up to {large.hosts}"
        )
        if kind == "second" and each > MOST_GROWTH * average:
            yield f"{each:.2f} s for each host after the first {small.hosts}, wanted {MOST_GROWTH} x {average:.2f} s"


def main() -> int:
    """Measure every size; the exit status tells whether the targets are met."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_deploy", description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", default=[4, 32], help="sizes of the labs (default: 4 32)")
    parser.add_argument(
        "--rounds",
        type=int,
        default=2,
        help="how often runs that change nothing are repeated in the first lab (default: 2)",
    )
    parser.add_argument(
        "--whole",
        action="store_true",
        help="measure every run of the plain playbook in the further labs too, for an hour",
    )
    arguments = parser.parse_args()
    print(
        f"{scenario.SERVERS} servers on each host; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        "times in seconds"
    )
    print("MODULES and CALLS are those of one host: modules alone, and all commands and files that went over ssh")
    results = []
    for index, hosts in enumerate(sorted(arguments.hosts)):
        with tempfile.TemporaryDirectory() as directory:
            rounds = 1 if index else arguments.rounds
            results.append(Bench(Path(directory), hosts).all(rounds, arguments.whole or not index))
    missed = [text for measured in results for text in beside_plain(measured)]
    missed += [text for small, large in itertools.pairwise(results) for text in growth(small, large)]
    for text in missed:
        print(f"MISSED: {text}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
