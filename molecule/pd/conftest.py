# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts, the routers and the plan as fixtures."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from routers import Router
from scenario import Hosts, deployments, run_playbook

# Each start of a server takes a while, so it serves as many tests as possible.
ORDER = (
    "test_fresh",
    "test_steady",
    "test_workers",
    "test_kill",
    "test_address",
    "test_change",
    "test_firewall",
    "test_secrets",
    "test_remove",
)


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the deployments of the plan."""
    dest = tmp_path_factory.mktemp("plan") / "plan.json"
    run_playbook("plan", "-e", f"sglang_plan_dest={dest}", "-e", "sglang_plan_show=none")
    return dict(json.loads(dest.read_text(encoding="utf-8"))["deployments"])


@pytest.fixture(scope="session")
def routers(planned: dict[str, Any], hosts: Hosts) -> dict[str, list[Router]]:
    """Return the routers of each deployment."""
    keys = deployments()["sglang_api_keys"]
    return {
        name: [
            Router(
                one["name"], one["host"], one["url"], entry["served_model"], keys.get(name, {}).get("api_key"), hosts
            )
            for one in entry["routers"]
        ]
        for name, entry in planned.items()
    }


@pytest.fixture(scope="session")
def instances(planned: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the instances of all deployments by name."""
    return {one["instance"]: one for entry in planned.values() for one in entry["instances"]}


@pytest.fixture(scope="session")
def every_router(routers: dict[str, list[Router]]) -> list[Router]:
    """Return the routers of all deployments."""
    return [router for group in routers.values() for router in group]


@pytest.fixture
def started(
    hosts: Hosts, every_router: list[Router], instances: dict[str, dict[str, Any]]
) -> Callable[[], dict[str, int]]:
    """Return the function that returns when each server and router was started."""

    def look() -> dict[str, int]:
        servers = [(rank["host"], one["name"]) for one in instances.values() for rank in one["ranks"]]
        both = [*servers, *((router.host, router.unit) for router in every_router)]
        return {
            f"{unit} on {host}": int(hosts.show(host, unit)["ActiveEnterTimestampMonotonic"]) for host, unit in both
        }

    return look
