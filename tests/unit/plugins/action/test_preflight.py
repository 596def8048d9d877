# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all hosts said becomes one judgement: hosts that are silent, findings of other roles, and listeners of this run."""

from __future__ import annotations

from typing import Any

from ansible_collections.multinode.sglang.plugins.action.preflight import judge
from ansible_collections.multinode.sglang.plugins.filter.peer_asks import peer_asks
from ansible_collections.multinode.sglang.plugins.filter.peer_ports import peer_ports
from ansible_collections.multinode.sglang.plugins.filter.peer_targets import peer_targets


def entry(address: str) -> dict[str, Any]:
    """A host of the plan."""
    rule = {"sources": ["10.0.0.1", "10.0.0.2"], "ports": "20000", "protocol": "tcp", "why": "lm-0: between its ranks"}
    unit = {"argv": ["--device", "cpu"], "gpus": [0]}
    return {
        "address": address,
        "units": [unit],
        "unit_names": [],
        "router_names": [],
        "reserved_ports": "20000",
        "reach": [rule],
    }


PLAN: dict[str, Any] = {
    "deployments": {"lm": {"instances": [{"ranks": [{"host": "a"}, {"host": "b"}]}], "routers": []}},
    "hosts": {"a": entry("10.0.0.1"), "b": entry("10.0.0.2")},
    "ephemeral_ports": "32768-60999",
}
ARGS: dict[str, Any] = {
    "plan": PLAN, "register": "look", "register_reach": "reach", "register_listening": "listening",
    "register_findings": {"nccl": "nccl_findings"},
    "gpus": True, "same": ["mtu"], "room_gib": {}, "resolver_seconds": 2, "clock_seconds": 1,
}  # fmt: skip


def said(**more: Any) -> dict[str, Any]:
    """Variables of a host that is right."""
    listener = {"port": 20000, "pid": 7, "command": "python3", "user": "nobody", "unit": None}
    node = {"problems": [], "listeners": [listener], "network": {"cluster": None, "resolver": None}}
    return {"look": {"node": node}, "listening": {"pid": 7, "ports": [20000]}, **more}


def wrong(hostvars: dict[str, Any], present: list[str] | None = None) -> dict[str, list[str]]:
    """What is wrong by host."""
    hosts, _different = judge(ARGS, hostvars, present or list(hostvars))
    return {host.name: [finding["text"] for _area, finding in host.findings] for host in hosts}


def test_listeners_of_this_run_are_no_fault() -> None:
    assert wrong({"a": said(), "b": said()}) == {"a": [], "b": []}


def test_a_host_that_did_not_answer_is_wrong() -> None:
    assert wrong({"a": said(), "b": {"look": {"unreachable": True, "msg": "no route"}}})["b"][0].startswith(
        "b: it did not answer"
    )


def test_a_host_that_is_not_in_the_play_is_not_judged() -> None:
    assert list(wrong({"a": said(), "b": said()}, ["a"])) == ["a"]


def test_what_other_roles_found_is_told_with_the_rest() -> None:
    old = {"text": "a: NCCL is old", "grave": True}
    hosts, _different = judge(ARGS, {"a": said(nccl_findings=[old]), "b": said()}, ["a", "b"])
    assert [(host.name, host.grave) for host in hosts] == [("a", 1), ("b", 0)]


def test_the_filters_turn_the_plan_into_what_a_host_tries() -> None:
    assert peer_ports(PLAN["hosts"]["a"]) == "20000"
    asked = peer_asks(PLAN)["a"]
    listening = {
        "__preflight_listening": {"ports": [20000, 40000]},
        "node_facts_result": {"node": said()["look"]["node"]},
    }
    assert [peer["ports"] for peer in peer_targets(asked, {"b": listening}, 1500)] == [[20000]]
    assert peer_targets(asked, {"b": {"__preflight_listening": {"skipped": True}}}) == []
    assert peer_targets(asked, {}) == []
