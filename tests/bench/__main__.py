"""Run every benchmark, or those that are named, with their options: python -m tests.bench [NAME ...] [OPTIONS]."""

from __future__ import annotations

import subprocess
import sys

from .measure import CONTROLLER_ENV, REPO

BENCHES = ("bench_plan", "bench_controller", "bench_preflight", "bench_deploy", "bench_weights", "bench_fanout")


def main() -> int:
    """Run them one after the other; the exit status tells whether all met their targets."""
    words = sys.argv[1:]
    names = [word for word in words if word in BENCHES]
    options = [word for word in words if word not in BENCHES]
    environment = {**CONTROLLER_ENV, "PYTHONPATH": str(REPO / "collections")}
    statuses = []
    for name in names or BENCHES:
        print(f"== {name} ==", flush=True)
        command = [sys.executable, "-m", f"tests.bench.{name}", *options]
        statuses.append(subprocess.run(command, env=environment, cwd=REPO, check=False).returncode)
    return int(any(statuses))


if __name__ == "__main__":
    sys.exit(main())
