# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time preflight on many hosts: python -m tests.bench.bench_preflight [--hosts 8 32]."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from . import scenario
from .measure import REPO, Run, play

PREFLIGHT = REPO / "playbooks" / "preflight.yml"
MOST_SECONDS = 60
MOST_HOSTS = 32
# All hosts of the lab share one table of 1,024 neighbours, which 32 hosts would fill if all talked to each other.
MOST_PEERS = 16
ROW = "{:>5}  {:>8} {:>9} {:>8} {:>8}"


def measure(hosts: int) -> Run:
    """Start a lab of this size, and prove all pairs of its hosts."""
    lab = scenario.lab(hosts)
    size = min(hosts, MOST_PEERS)
    one = {
        "model": "example/small",
        "server": {"hosts": "all", "nnodes": size, "tp_size": size, "server_args": {"device": "cpu"}},
    }
    with tempfile.TemporaryDirectory() as directory:
        inventory = scenario.lab_inventory(
            Path(directory), lab, {"sglang_deployments": {"one": one}, "sglang_gpus_per_node": 1}
        )
        lab.up()
        try:
            run = play(PREFLIGHT, inventory)
        finally:
            lab.down()
    if f"{hosts} of {hosts} hosts are ok" not in run.output:
        sys.stderr.write(run.output[-6000:])
        raise SystemExit("Preflight reports errors of hosts without faults.")
    print(
        ROW.format(
            hosts, f"{run.seconds:.1f}", f"{run.seconds / hosts:.2f}", f"{run.cpu:.1f}", f"{run.modules / hosts:.1f}"
        ),
        flush=True,
    )
    return run


def main() -> int:
    """Measure every size; the exit status tells whether the target is met."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_preflight", description=__doc__)
    parser.add_argument(
        "--hosts", type=int, nargs="+", default=[8, MOST_HOSTS], help=f"sizes of the labs (default: 8 {MOST_HOSTS})"
    )
    arguments = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; instances of up to {MOST_PEERS} hosts, all pairs; "
        "times in seconds"
    )
    print(ROW.format("HOSTS", "SECONDS", "PER HOST", "CPU", "MODULES"))
    missed = [hosts for hosts in arguments.hosts if measure(hosts).seconds > MOST_SECONDS and hosts <= MOST_HOSTS]
    for hosts in missed:
        print(f"MISSED: {hosts} hosts took more than {MOST_SECONDS} s")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
