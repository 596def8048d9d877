# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what all hosts run."""

from __future__ import annotations

from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._report.status import (
    render,
    rows_of_host,
    rows_of_routers,
)

UNIT: dict[str, Any] = {"name": "sglang-a-0", "deployment": "a", "instance": "a-0", "rank": 0, "host": "node1"}
ROUTER: dict[str, Any] = {"name": "sglang-router-a", "deployment": "a", "host": "node9"}


def said(name: str, phase: str, **state: Any) -> dict[str, Any]:
    """Return what a state module returned."""
    return {"units": {name: {"phase": phase, "since": "Sat", **state}}}


def test_routers_come_after_the_servers_of_their_deployment() -> None:
    rows = rows_of_routers([ROUTER], said("sglang-router-a", "ready")) + rows_of_host(
        [UNIT], said("sglang-a-0", "ready")
    )
    lines = render(rows).splitlines()
    assert [line.split()[:5] for line in lines[-2:]] == [
        ["a", "a-0", "0", "node1", "ready"],
        ["a", "router", "-", "node9", "ready"],
    ]
    assert all(row.well for row in rows)


def test_the_error_of_a_router_is_what_is_missing() -> None:
    trouble = "the decode instance a-decode-0 (http://x:1) is not registered"
    row = rows_of_routers([ROUTER], said("sglang-router-a", "running", trouble=trouble, journal=["noise"]))[0]
    assert (row.error, row.title) == (trouble, "router of a on node9 (running)")
    assert not row.well


def test_a_host_that_says_nothing() -> None:
    assert rows_of_host([UNIT], {})[0].title == "a-0 rank 0 on node1 (unknown)"
    assert rows_of_routers([ROUTER], {"unreachable": True, "msg": "no route"})[0].as_dict()["error"] == "no route"
    assert rows_of_routers([ROUTER], {"unreachable": True})[0].state == "unreachable"
