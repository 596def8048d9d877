# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what all hosts run."""

from __future__ import annotations

from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._report.status import Row, render, rows_of_host

UNIT: dict[str, Any] = {"name": "sglang-a-0", "deployment": "a", "instance": "a-0@node1", "rank": 0, "host": "node1"}
ROUTER: dict[str, Any] = {"name": "sglang-router-a", "deployment": "a", "host": "node9"}
SERVERS = {"units": [UNIT], "routers": []}
ROUTERS = {"units": [], "routers": [ROUTER]}


def returned(name: str, phase: str, **state: Any) -> dict[str, Any]:
    """Return a result of unit_info."""
    return {"units": {name: {"phase": phase, "since": "Sat", **state}}}


def only(planned: dict[str, Any], result: dict[str, Any]) -> Row:
    """Return the only row of a host."""
    (row,) = rows_of_host(planned, result)
    return row


def test_routers_come_after_the_servers_of_their_deployment() -> None:
    rows = [
        only(ROUTERS, returned("sglang-router-a", "ready")),
        only(SERVERS, returned("sglang-a-0", "ready", generation="1234567890", digest="1234567890")),
    ]
    lines = render(rows).splitlines()
    assert [line.split()[:6] for line in lines[-2:]] == [
        ["a", "a-0@node1", "0", "node1", "ready", "12345678"],
        ["a", "router", "-", "node9", "ready", "-"],
    ]
    assert all(row.ready for row in rows)


def test_one_call_has_the_servers_and_the_routers_of_a_host() -> None:
    units = {**returned("sglang-a-0", "ready")["units"], **returned("sglang-router-a", "running")["units"]}
    rows = rows_of_host({"units": [UNIT], "routers": [ROUTER]}, {"units": units})
    assert [row.state for row in rows] == ["ready", "running"]


def test_the_error_of_a_router_is_what_is_missing() -> None:
    trouble = "the decode instance a-decode-0@node2 (http://x:1) is not registered"
    row = only(ROUTERS, returned("sglang-router-a", "running", trouble=trouble, journal=["noise"]))
    assert (row.error, row.title) == (trouble, "router of a on node9 (running)")
    assert not row.ready


def test_a_unit_that_does_not_run_what_is_written() -> None:
    old = returned("sglang-a-0", "ready", generation="aaaaaaaaaaaa", digest="bbbbbbbbbbbb")
    assert only(SERVERS, old).digest == "aaaaaaaa -> bbbbbbbb"
    stopped = returned("sglang-a-0", "stopped", generation="", digest="bbbbbbbbbbbb")
    assert only(SERVERS, stopped).digest == "- -> bbbbbbbb"
    assert only(SERVERS, returned("sglang-a-0", "missing", generation="", digest="")).digest == "-"


def test_a_host_without_a_result() -> None:
    assert only(SERVERS, {}).title == "a-0@node1 rank 0 on node1 (unknown)"
    assert only(ROUTERS, {"unreachable": True, "msg": "no route"}).as_dict()["error"] == "no route"
    assert only(ROUTERS, {"unreachable": True}).state == "unreachable"


def test_the_last_error_is_the_exception_and_not_what_systemd_said_last() -> None:
    journal = ["OSError: Repo id must be in the form", "sglang-a-0.service: Consumed 6.467s CPU time."]
    assert only(SERVERS, returned("sglang-a-0", "failed", journal=journal)).error == journal[0]
