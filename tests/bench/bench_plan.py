# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time the plan at 10, 100 and 1,000 hosts of 8 instances: python -m tests.bench.bench_plan [RUNS]."""

from __future__ import annotations

import gc
import statistics
import sys
import time

from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import to_dict
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import Inventory, Settings, build_plan

DEPLOYMENTS = {
    "small": {
        "model": "/models/small",
        "server": {"hosts": "nodes", "tp_size": 1, "server_args": {"mem-fraction-static": 0.8}},
    }
}


SETTINGS = Settings(
    sglang_version="0.5.23",
    router_package="sglang-router",
    router_version="0.3.2",
    ephemeral_ports="32768-60999",
    models_root="/data/models",
    models_port=21500,
)


def inventory(hosts: int) -> Inventory:
    """Make hosts of eight GPUs."""
    names = [f"node{number}" for number in range(hosts)]
    variables = {
        name: {"ansible_host": f"10.0.{number // 250}.{number % 250 + 1}"} for number, name in enumerate(names)
    }
    return Inventory({"all": names, "nodes": names}, variables.__getitem__)


def seconds(hosts: int) -> tuple[float, float]:
    """Time one plan, and writing it as plain data for Ansible."""
    known = inventory(hosts)
    gc.collect()
    start = time.perf_counter()
    plan = build_plan(DEPLOYMENTS, known, SETTINGS)
    built = time.perf_counter()
    to_dict(plan)
    count = sum(len(entry.units) for entry in plan.hosts.values())
    if count != 8 * hosts:
        raise SystemExit(f"planned {count} units instead of {8 * hosts}")
    return built - start, time.perf_counter() - built


def main(runs: int) -> None:
    """Print the median of some runs for each size, and how the time grows for each tenfold."""
    print(f"{'HOSTS':>6} {'UNITS':>6} {'SECONDS':>8} {'GROWTH':>7} {'PLAIN':>8}  (median of {runs} runs)")
    before = None
    for hosts in (10, 100, 1000):
        took, plain = (
            statistics.median(times) for times in zip(*(seconds(hosts) for _run in range(runs)), strict=True)
        )
        growth = f"x{took / before:.1f}" if before else ""
        print(f"{hosts:>6} {8 * hosts:>6} {took:>8.3f} {growth:>7} {plain:>8.3f}")
        before = took


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
