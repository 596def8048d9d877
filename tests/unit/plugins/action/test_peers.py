# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions of peer_listen and peer_info take from the plan and from the peers what is not given."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.multinode.sglang.plugins.action import peer_info, peer_listen

from tests.unit.plugins.plugin_utils._checks.hosts import EPHEMERAL, node, plan


def variables(name: str, **hostvars: Any) -> dict[str, Any]:
    """Return the variables of a task on a host."""
    play = {"inventory_hostname": name, "ansible_play_hosts_all": ["a", "b", "c"], "hostvars": hostvars}
    return {"sglang_plan_result": plan(), **play, **hostvars.get(name, {})}


def called(action: Any, options: dict[str, Any], given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the result, and the options of the call of the module; none without a call."""
    one = action.ActionModule.__new__(action.ActionModule)
    one.remote = MagicMock(return_value={"called": True})
    defaults = dict.fromkeys(action.ActionModule.ARGUMENTS)
    result = one.act({**defaults, "state": "present", "timeout": None, **options}, given)
    return result, one.remote.call_args.args[1] if one.remote.called else {}


def test_a_host_listens_on_what_others_need() -> None:
    result, options = called(peer_listen, {}, variables("a"))
    assert (options["host"], options["address"]) == ("a", "10.0.0.1")
    assert options["ports"] == f"20000-20006,{EPHEMERAL}"
    assert options["timeout"] == 309
    assert result["token"] == options["token"] != called(peer_listen, {}, variables("a"))[0]["token"]
    assert result["peers"] == [{"host": "b", "address": "10.0.0.2"}, {"host": "c", "address": "10.0.0.3"}]


def test_a_host_that_nobody_needs_is_not_called() -> None:
    alone = {**variables("a"), "sglang_plan_result": plan(1)}
    result, options = called(peer_listen, {}, alone)
    assert (result["ports"], result["peers"], options) == ([], [], {})


def test_what_is_given_needs_no_plan() -> None:
    given = {"address": "10.0.0.7", "ports": "20000", "token": "word"}
    _result, options = called(peer_listen, given, {"inventory_hostname": "z"})
    assert options.items() >= {**given, "host": "z"}.items()
    with pytest.raises(AnsibleActionFail, match="z is not in the plan; set address and ports"):
        called(peer_listen, {}, variables("z"))


def listening(*ports: int) -> dict[str, Any]:
    """Return the variables of a peer that listens."""
    result = {"pid": 7, "ports": list(ports), "token": "word"}
    return {"preflight_listeners": result, "node_facts_result": {"node": node()}}


def test_a_host_connects_to_the_peers_that_listen() -> None:
    peers = {"a": listening(), "b": listening(20000, 30000), "c": {"preflight_listeners": {"skipped": True}}}
    _result, options = called(peer_info, {}, variables("a", **peers))
    expected = {"host": "b", "address": "10.0.0.2", "token": "word", "ports": [20000], "serving": [], "mtu": 9000}
    assert options["peers"] == [expected]
    result, options = called(peer_info, {}, variables("a"))
    assert (result["reached"], options) == (0, {})


def test_packets_of_a_size_go_to_all_peers() -> None:
    _result, options = called(peer_info, {"size": 9000}, variables("a"))
    assert options["peers"] == [{"host": "b", "address": "10.0.0.2"}, {"host": "c", "address": "10.0.0.3"}]
    assert options["size"] == 9000
