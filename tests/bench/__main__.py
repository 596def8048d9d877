"""Run every benchmark: python -m tests.bench."""

from __future__ import annotations

import subprocess
import sys

from .measure import CONTROLLER_ENV, REPO

BENCHES = ("bench_plan", "bench_controller", "bench_preflight", "bench_deploy", "bench_weights", "bench_fanout")


def main() -> int:
    """Run them one after the other; the exit status tells whether all met their targets."""
    environment = {**CONTROLLER_ENV, "PYTHONPATH": str(REPO / "collections")}
    statuses = []
    for name in BENCHES:
        print(f"== {name} ==", flush=True)
        statuses.append(subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], env=environment, cwd=REPO, check=False).returncode)
    return int(any(statuses))


if __name__ == "__main__":
    sys.exit(main())
