# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of all scenarios, a plugin of pytest (whose own plugin has the name fixtures)."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from scenario import Hosts, Play, Server, deployments, run_playbook


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Run test files in the ORDER of the scenario's conftest; a file that is not in it is an error."""
    (order,) = [plugin.ORDER for plugin in session.config.pluginmanager.get_plugins() if hasattr(plugin, "ORDER")]
    items.sort(key=lambda item: order.index(item.path.stem))


@pytest.fixture(scope="session")
def hosts() -> Hosts:
    """Return the hosts of the scenario."""
    return Hosts.of_scenario()


@pytest.fixture(scope="session")
def playbook() -> Callable[..., Play]:
    """Return the function that runs a playbook."""
    return run_playbook


@pytest.fixture(scope="session")
def servers(hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Server]:
    """Return the only instance of each deployment of the plan."""
    dest = tmp_path_factory.mktemp("plan") / "plan.json"
    run_playbook("plan", "-e", f"sglang_plan_dest={dest}", "-e", "sglang_plan_show=none")
    keys = deployments()["sglang_api_keys"]
    found = {}
    for name, deployment in json.loads(dest.read_text(encoding="utf-8"))["deployments"].items():
        (one,) = deployment["instances"]
        ranks = tuple(rank["host"] for rank in one["ranks"])
        found[name] = Server(
            one["name"], one["url"], one["api_port"], deployment["served_model"], ranks, keys.get(name, {}), hosts
        )
    return found
