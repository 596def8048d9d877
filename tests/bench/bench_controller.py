"""Time the controller alone, at 10, 100 and 1,000 hosts without connections: python -m tests.bench.bench_controller."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from . import scenario
from .measure import REPO, play

PLAN = REPO / "playbooks" / "plan.yml"
SIZES = (10, 100, 1000)
SLOWEST = 4
TASK = re.compile(r"^(.+?) -+ (\d+\.\d+)s$", re.MULTILINE)


def main() -> int:
    """Print the time of the play that only plans, its growth, and the tasks that it went into at the largest size."""
    print(f"{'HOSTS':>6} {'SECONDS':>8} {'PER HOST':>9} {'CPU':>8} {'GROWTH':>7}")
    before, output = 0.0, ""
    for hosts in SIZES:
        with tempfile.TemporaryDirectory() as directory:
            inventory = scenario.offline_inventory(Path(directory), hosts)
            run = play(PLAN, inventory, "-e", "sglang_plan_show=none", callback="ansible.posix.profile_tasks")
        growth = f"x{run.seconds / before:.1f}" if before else ""
        print(f"{hosts:>6} {run.seconds:>8.2f} {run.seconds / hosts:>9.3f} {run.cpu:>8.2f} {growth:>7}", flush=True)
        if run.calls:
            raise SystemExit(f"The plan made {run.calls} remote calls; it is to make none.")
        before, output = run.seconds, run.output
    print(f"where they go at {SIZES[-1]} hosts:")
    for name, seconds in TASK.findall(output)[:SLOWEST]:
        print(f"  {float(seconds):7.2f} s  {name.strip()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
