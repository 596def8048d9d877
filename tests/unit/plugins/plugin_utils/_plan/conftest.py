# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small inventories for the tests of the plan."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Plan
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import Inventory, Settings, build_plan
from ansible_collections.multinode.sglang.plugins.plugin_utils._report.plan import with_commands


def inventory(hosts: int = 4, gpus: int = 8, **extra: Any) -> Inventory:
    """Make hosts node0.. at 10.0.0.10.., all in group nodes; extra maps a host to more variables."""
    names = [f"node{number}" for number in range(hosts)]
    variables = {
        name: {"ansible_host": f"10.0.{(10 + number) // 250}.{(10 + number) % 250}", "sglang_gpus_per_node": gpus}
        for number, name in enumerate(names)
    }
    for name, values in extra.items():
        variables[name] |= values
    groups = {"all": names, "nodes": names, "first": names[:2], "second": names[2:], "nobody": []}
    return Inventory(groups, variables.__getitem__)


SETTINGS: dict[str, Any] = {
    "sglang_version": "0.5.23",
    "router_package": "sglang-router",
    "router_version": "0.3.2",
    "ephemeral_ports": "32768-60999",
    "models_root": "/data/models",
    "models_port": 21500,
}


def typed(deployments: Any, where: Inventory | None = None, version: str = "0.5.23", **settings: Any) -> Plan:
    """Plan on four hosts of eight GPUs unless told otherwise."""
    chosen = {**SETTINGS, "sglang_version": version, **settings}
    return build_plan(deployments, where or inventory(), Settings(**chosen))


def plan(*words: Any, **settings: Any) -> dict[str, Any]:
    """Return the same plan as plain data, with commands."""
    return with_commands(typed(*words, **settings))


def server(**group: Any) -> dict[str, Any]:
    """Return deployments with one server group on all hosts."""
    return {"llama": {"model": "/models/llama", "server": {"hosts": "nodes", **group}}}


@pytest.fixture
def small() -> dict[str, Any]:
    """One deployment of two instances over two hosts each."""
    return plan(server(nnodes=2, tp_size=16))
