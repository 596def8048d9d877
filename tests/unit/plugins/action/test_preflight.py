# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all hosts have registered becomes one report."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.action.preflight import ActionModule, judge_hosts

from tests.unit.plugins.plugin_utils._checks.hosts import listener, node, plan

GIVEN: dict[str, Any] = {
    "gpus": True,
    "same": ["mtu"],
    "free_gib": {},
    "resolver_seconds": 2,
    "clock_seconds": 1,
    "install_gib": {},
    "prune": True,
}


def registered(**more: Any) -> dict[str, Any]:
    """Return the variables of a host without errors, on which this run still listens."""
    facts = node(listeners=[listener(20000)], network={"cluster": None, "resolver": None})
    return {"node_facts_result": {"node": facts}, "preflight_listeners": {"pid": 7, "ports": [20000]}, **more}


def variables(present: list[str] | None = None, **hostvars: Any) -> dict[str, Any]:
    """Return the variables of the task."""
    return {
        "sglang_plan_result": plan(2),
        "ansible_play_hosts_all": present or list(hostvars),
        "hostvars": hostvars,
    }


def errors(present: list[str] | None = None, **hostvars: Any) -> dict[str, list[str]]:
    """Return the findings by host."""
    hosts, _different = judge_hosts(GIVEN, variables(present, **hostvars))
    return {host.name: [finding["text"] for finding in host.findings] for host in hosts}


def test_listeners_of_this_run_are_no_error() -> None:
    assert errors(a=registered(), b=registered()) == {"a": [], "b": []}


def test_a_host_that_did_not_answer_has_an_error() -> None:
    assert errors(a=registered(), b={})["b"][0].startswith("b  the host did not answer. Fix: ")


@pytest.mark.parametrize("register", ["preflight_listeners", "node_facts_result"])
def test_the_reason_is_the_one_that_ansible_gave(register: str) -> None:
    silent = {register: {"unreachable": True, "msg": "Task failed: Missing sudo password"}}
    assert errors(a=registered(), b=silent)["b"] == [
        "b  sudo asks for a password. Fix: run again with -K, or set ansible_become_password in a vault"
    ]


def test_a_host_that_is_not_in_the_play_is_not_reported() -> None:
    assert list(errors(["a"], a=registered(), b=registered())) == ["a"]


def test_findings_of_roles_are_reported_with_the_rest() -> None:
    old = {"area": "nccl", "text": "a  NCCL is old", "severity": "error"}
    skipped = {"skipped": True}
    checked = registered(nccl_check={"findings": [old]}, rdma_check=skipped)
    hosts, _different = judge_hosts(GIVEN, variables(a=checked, b=registered(nvidia_driver_check=skipped)))
    assert [(host.name, host.errors) for host in hosts] == [("a", 1), ("b", 0)]


def test_what_a_host_saw_of_its_peers_is_reported() -> None:
    failure = {"host": "b", "address": "10.0.0.2", "port": 20000, "reason": "Connection refused", "answered_by": ""}
    saw = {"reached": 3, "failures": [failure], "clocks": {}, "packets_lost": {}}
    found = errors(a=registered(preflight_connections=saw), b=registered(preflight_connections={"skipped": True}))
    assert found["a"] == []
    assert found["b"][0].startswith("b  port 20000 of 10.0.0.2 is unreachable from a: Connection refused")


def test_the_module_has_the_options_of_the_action() -> None:
    assert set(ActionModule.ARGUMENTS) == {
        "gpus",
        "same",
        "free_gib",
        "install_gib",
        "resolver_seconds",
        "clock_seconds",
        "prune",
    }
