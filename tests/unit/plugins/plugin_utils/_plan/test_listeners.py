# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that options open besides those of the plan, and the addresses that servers listen on."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.errors import PlanError
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.reach import expand

from .conftest import inventory, plan, server

ZMQ = {"publisher": "zmq"}


def ports(**group: Any) -> dict[str, str]:
    """Return the ports of the first server."""
    found: dict[str, str] = plan(server(tp_size=8, **group))["hosts"]["node0"]["units"][0]["ports"]
    return found


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ({"kv-events-config": ZMQ}, {"kv_events": "5557"}),
        ({"kv-events-config": {"publisher": "null"}}, {}),
        ({"kv-events-config": '{"publisher": "zmq", "endpoint": "tcp://*:6000"}'}, {"kv_events": "6000"}),
        (
            {"kv-events-config": ZMQ | {"replay_endpoint": "tcp://*:5558"}, "load-publish-endpoint": "auto"},
            {"kv_events": "5557", "kv_replay": "5558", "load": "5559"},
        ),
        ({"kv-events-config": ZMQ, "load-publish-endpoint": "tcp://*:7000"}, {"kv_events": "5557", "load": "7000"}),
        ({"load-publish-endpoint": "auto"}, {}),
        # Without a wildcard the publisher connects, unless it is told to listen.
        ({"kv-events-config": ZMQ | {"endpoint": "tcp://10.0.0.9:5557"}}, {}),
        ({"kv-events-config": ZMQ | {"endpoint": "tcp://10.0.0.10:5557", "bind": True}}, {"kv_events": "5557"}),
        ({"kv-events-config": ZMQ | {"bind": False}}, {}),
    ],
)
def test_endpoints_that_sglang_opens(args: dict[str, Any], found: dict[str, str]) -> None:
    names = ("kv_events", "kv_replay", "load")
    assert {name: text for name, text in ports(server_args=args).items() if name in names} == found


def test_events_have_a_port_for_each_data_parallel_rank() -> None:
    args = {"kv-events-config": ZMQ, "load-publish-endpoint": "auto"}
    found = ports(attn_dp_size=8, server_args=args)
    assert (found["kv_events"], found["load"]) == ("5557-5564", "5565-5572")


def test_an_endpoint_on_the_port_of_the_api_is_refused() -> None:
    config = {"kv-events-config": ZMQ | {"endpoint": "tcp://*:30000"}}
    with pytest.raises(PlanError, match=r"the same port; change port or endpoint in server_args\.kv-events-config"):
        plan(server(tp_size=8, server_args=config))


def test_all_ranks_reach_the_store_of_nixl() -> None:
    planned = plan(server(nnodes=2, tp_size=16, ep_size=16, moe_a2a_backend="nixl"))
    (rule,) = [rule for rule in expand(planned, "node0") if "between its ranks" in rule["why"]]
    assert "29600" in rule["ports"]
    assert ports(moe_a2a_backend="nixl", env={"SGLANG_TCP_STORE_PORT": "29700"})["nixl_store"] == "29700"


def test_who_gives_its_weights_has_a_port_for_that() -> None:
    args = {"remote-instance-weight-loader-start-seed-via-transfer-engine": True}
    assert ports(server_args=args)["seed"] == "6789"
    moved = ports(server_args=args, extra_ports={"engine-info-bootstrap-port": 7000})
    assert (moved["engine-info-bootstrap-port"], moved.get("seed")) == ("7000", None)


@pytest.mark.parametrize("name", ["grpc-port", "gated-launch-port", "engine-info-bootstrap-port"])
def test_clients_reach_the_api_and_no_other_port_of_a_server(name: str) -> None:
    raw = server(tp_size=8, extra_ports={name: 9000}, instances=1)
    planned = plan(raw)
    rules = {rule["ports"]: rule["sources"] for rule in expand(planned, "node0")}
    own = planned["hosts"]["node0"]["address"]
    assert rules == {"30000": "clients", "9000": [own]}
    raw["llama"]["router"] = {"hosts": "node1"}
    rules = {rule["ports"]: rule["sources"] for rule in expand(plan(raw), "node0")}
    assert "clients" not in rules.values()
    assert set(rules["9000"]) == {own, "10.0.0.11"}


@pytest.mark.parametrize(
    "group",
    [
        {"server_args": {"kv-events-config": ZMQ}},
        {"server_args": {"remote-instance-weight-loader-start-seed-via-transfer-engine": True}},
        {"moe_a2a_backend": "nixl"},
        {"listeners": {"otlp": {"port": 4317}}},
    ],
)
def test_a_fix_for_two_instances_of_one_group_is_one_that_the_group_can_follow(group: dict[str, Any]) -> None:
    with pytest.raises(PlanError, match="use the same port; set instances_per_host: 1"):
        plan(server(tp_size=4, **group))
    assert plan(server(tp_size=4, instances_per_host=1, **group))


@pytest.mark.parametrize("text", ["none", "29600.5"])
def test_a_store_without_a_port_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match=r"SGLANG_TCP_STORE_PORT: .* is no port"):
        ports(moe_a2a_backend="nixl", env={"SGLANG_TCP_STORE_PORT": text})


def test_the_ranks_of_an_instance_have_one_store() -> None:
    hosts = inventory(node1={"sglang_host_env": {"SGLANG_TCP_STORE_PORT": "29700"}})
    with pytest.raises(PlanError, match="set it in env of the group"):
        plan(server(nnodes=2, tp_size=16, moe_a2a_backend="nixl"), hosts)


def test_ranks_of_two_families_are_refused() -> None:
    mixed = inventory(4, node1={"ansible_host": "fd00::2"})
    with pytest.raises(PlanError, match=r"node1 has the address fd00::2, but node0 of the same instance has 10\.0"):
        plan(server(nnodes=2, tp_size=16), mixed)
    # Instances of one host each need not agree.
    hosts = plan(server(tp_size=8), mixed)["hosts"]
    assert ["::" in hosts[name]["units"][0]["argv"] for name in ("node0", "node1")] == [False, True]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({}, "clients"),
        ({"from": "scrapers"}, "scrapers"),
        ({"from": "ranks"}, ["10.0.0.10", "10.0.0.11"]),
        ({"from": "node3"}, ["10.0.0.13"]),
        ({"from": ["second", "node1"]}, ["10.0.0.12", "10.0.0.13", "10.0.0.11"]),
    ],
)
def test_own_listeners_with_who_may_connect(sources: dict[str, Any], expected: Any) -> None:
    listener = {"master": {"port": "31051-31052", **sources}}
    planned = plan(server(hosts="first", nnodes=2, tp_size=16, listeners=listener))
    assert planned["hosts"]["node1"]["units"][0]["ports"]["listeners.master"] == "31051-31052"
    assert "31051-31052" in planned["hosts"]["node1"]["reserved_ports"]
    rules = [rule for rule in expand(planned, "node1") if "31051" in rule["ports"]]
    assert [(rule["sources"], rule["ports"]) for rule in rules] == [(expected, "31051-31052")]
    assert set(planned["hosts"]) == {"node0", "node1"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.10"])
def test_addresses_that_others_reach(host: str) -> None:
    words = plan(server(hosts=["node0"], tp_size=8, host=host))["hosts"]["node0"]["units"][0]["argv"]
    assert words[words.index("--host") + 1] == host


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.99", "node0", "a b"])
def test_addresses_that_others_do_not_reach(host: str) -> None:
    with pytest.raises(PlanError, match=r"deployments\.llama\.server\.host: "):
        plan(server(tp_size=8, host=host))


def test_ipv4_alone_does_not_reach_hosts_with_ipv6() -> None:
    where = inventory(**{f"node{number}": {"sglang_cluster_address": f"fd00::{number + 1}"} for number in range(4)})
    with pytest.raises(PlanError, match="IPv4 only, but others reach it at fd00::1; remove it, or set it to ::"):
        plan(server(tp_size=8, host="0.0.0.0"), where)
