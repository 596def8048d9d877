# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts a play is for."""

from __future__ import annotations

import pytest
from ansible_collections.multinode.sglang.plugins.filter.plan_hosts import plan_hosts

PLAN = {
    "hosts": {
        "node1": {"units": [{"name": "a"}], "routers": [], "releases": [], "mounts": []},
        "node2": {"units": [], "routers": [{"name": "r"}], "releases": [{"name": "m"}], "mounts": []},
        "node3": {"units": [], "routers": [], "releases": [], "mounts": [{"path": "/mnt"}]},
    }
}


@pytest.mark.parametrize(
    ("kind", "hosts"),
    [
        (None, ["node1", "node2", "node3"]),
        ("units", ["node1"]),
        ("routers", ["node2"]),
        ("releases", ["node2", "node3"]),
    ],
)
def test_hosts_of_a_kind(kind: str | None, hosts: list[str]) -> None:
    assert plan_hosts({"limited": {}, "node1": {"sglang_plan_result": PLAN}}, kind) == hosts


def test_no_plan_no_hosts() -> None:
    assert plan_hosts({"node1": {}}) == []
