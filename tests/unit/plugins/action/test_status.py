# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action reads the plan and what all hosts returned; it returns whether all are ready."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.multinode.sglang.plugins.action import status
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import to_dict

from ..planned import router, server

HOSTS = {
    "node1": {"units": [to_dict(server("a"))], "routers": []},
    "node2": {"units": [], "routers": [to_dict(router("a", host="node2"))]},
}


def phases(**units: str) -> dict[str, Any]:
    """Return what a host registered."""
    fine = {"planned": "1", "generation": "1", "digest": "1"}
    named = {f"sglang-{name.replace('_', '-')}": {"phase": now, **fine} for name, now in units.items()}
    return {"state": {"units": named}}


def run(monkeypatch: pytest.MonkeyPatch, play: list[str], **hostvars: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return what the action prints and returns."""
    shown: list[str] = []
    monkeypatch.setattr(status.display, "display", shown.append)
    task = MagicMock(async_val=0, check_mode=False, args={"register": "state"})
    action = status.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    plan = {"sglang_plan_result": {"hosts": HOSTS}}
    hostvars = {name: {**one, **plan} for name, one in hostvars.items()}
    result = action.run(None, {**plan, "ansible_play_hosts_all": play, "hostvars": hostvars})
    return "\n".join(shown), result


def test_all_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = {"node1": phases(a_0="ready"), "node2": phases(router_a="ready")}
    table, result = run(monkeypatch, ["node1", "node2"], **ready)
    assert len(table.splitlines()) == 4
    assert table.splitlines()[-1] == "no deploy is noted on these hosts"
    assert (result["ready"], result["msg"]) == (True, "2 servers and routers are ready as planned")
    assert [unit["state"] for unit in result["units"]] == ["ready", "ready"]


def test_a_host_that_did_not_answer_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = {"node1": {"state": {"unreachable": True}}, "node2": phases(router_a="ready")}
    _table, result = run(monkeypatch, ["node1", "node2"], **hosts)
    assert (result["ready"], result.get("failed")) == (False, None)
    assert (
        result["msg"] == "1 of 2 servers and routers are not ready as planned: a-0@node1 rank 0 on node1 (unreachable)"
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"planned": "older"}, "it was deployed with another plan; run deploy.yml"),
        ({"generation": "0"}, "it was not restarted since its files were written; run deploy.yml"),
    ],
)
def test_a_server_that_answers_but_is_not_what_the_plan_says(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str], why: str
) -> None:
    hosts = {"node1": phases(a_0="ready"), "node2": phases(router_a="ready")}
    hosts["node1"]["state"]["units"]["sglang-a-0"].update(change)
    _table, result = run(monkeypatch, ["node1", "node2"], **hosts)
    assert result["msg"].endswith("a-0@node1 rank 0 on node1 (outdated)")
    assert result["units"][0]["error"] == why


def test_what_is_left_on_a_host_is_shown_also_where_the_host_left_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    old = {"name": "sglang-old-0", "kind": "server", "title": "old-0@node3", "rank": 0, "active": "active", "since": ""}
    router = {**old, "name": "sglang-router-old", "kind": "router", "title": "router of old", "rank": None}
    hosts = {"node1": phases(a_0="ready"), "node2": phases(router_a="ready"), "node3": {"state": {"strays": [old]}}}
    hosts["node1"]["state"]["strays"] = [router]
    stamp = {"time": 0.0, "who": "alice", "controller": "ctl1", "sglang_version": "0.5.23", "left": ["node3", "gone"]}
    hosts["node1"]["state"]["stamp"] = stamp
    table, result = run(monkeypatch, ["node1", "node2"], **hosts)
    left = [(row["deployment"], row["instance"], row["host"], row["state"]) for row in result["units"][2:]]
    assert left == [("old", "router", "node1", "stray"), ("old", "old-0@node3", "node3", "stray")]
    assert "sglang-old-0 is active and not in the plan" in table
    line = "last deploy: 1970-01-01 00:00 UTC by alice from ctl1, SGLang 0.5.23; none is noted on node2"
    assert table.splitlines()[-1] == line


def test_hosts_outside_of_the_play_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    _table, result = run(monkeypatch, ["node2"], node2=phases(router_a="ready"))
    assert [unit["host"] for unit in result["units"]] == ["node2"]


def test_without_a_plan_there_is_no_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status.results, "PLAN", "absent")
    with pytest.raises(AnsibleActionFail, match="there is no plan"):
        run(monkeypatch, [])
