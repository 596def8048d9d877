# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefill and decode: bootstrap ports, transfer backends, and what nobody may slip past the plan."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import PlanError
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.options import load_table
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.programs import SGLANG
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.reach import expand
from hypothesis import given
from hypothesis import strategies as st

from .conftest import inventory, plan

BOOTSTRAP = "--disaggregation-bootstrap-port"
TCP = {"disaggregation_transfer_backend": "mooncake_tcp"}
# Options that move a bootstrap server or who finds it, with everything that argparse takes for them.
SMUGGLED = (
    "disaggregation-bootstrap-port",
    "disaggregation-mode",
    "nccl-port",
    "dist-init-addr",
    "node-rank",
    "port",
    "host",
)


def pd(prefill: dict[str, Any] | None = None, decode: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a deployment with prefill on the first two hosts and decode on the others, over TCP by default."""
    roles = {"prefill": {"hosts": "first", "tp_size": 8}, "decode": {"hosts": "second", "tp_size": 8}}
    for role, body in (("prefill", prefill), ("decode", decode)):
        roles[role] |= TCP if body is None or "disaggregation_transfer_backend" not in body else {}
        roles[role] |= body or {}
    return {"pd": {"model": "/m", **roles, "router": {"hosts": ["node0"], "cb-failure-threshold": 3}, **more}}


def units(planned: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """Return the units of a role, in the order of hosts."""
    return [unit for host in planned["hosts"].values() for unit in host["units"] if unit["role"] == role]


def word(unit: dict[str, Any], option: str) -> str | None:
    """Return the word after an option; fails where the option is there twice."""
    argv = unit["argv"]
    assert argv.count(option) < 2
    return argv[argv.index(option) + 1] if option in argv else None


def spellings(name: str) -> list[str]:
    """Return every spelling of an option that argparse takes, and ways to write it in YAML."""
    table = load_table(SGLANG)
    short = []
    for length in range(1, len(name)):
        try:
            found = table.find(name[:length], "")
        except PlanError:
            continue
        if found is not None and found.name == name:
            short.append(name[:length])
    longs = [spelling for spelling, option in table.by_spelling.items() if option.name == name]
    return [form for spelling in (*longs, *short) for form in (spelling, spelling.replace("-", "_"), f"--{spelling}")]


@st.composite
def shapes(draw: st.DrawFn) -> tuple[dict[str, Any], int]:
    """Prefill and decode groups that share all hosts, and how many hosts there are."""
    group = {
        role: {
            "hosts": "nodes",
            "nnodes": (nnodes := draw(st.integers(1, 3))),
            "tp_size": nnodes * draw(st.sampled_from([1, 2])),
            "instances": draw(st.integers(1, 4)),
            **TCP,
        }
        for role in ("prefill", "decode")
    }
    if draw(st.booleans()):
        group["prefill"]["bootstrap_port"] = draw(st.integers(8000, 9400))
    return {
        "pd": {"model": "/m", **group, "router": {"hosts": "nodes", "port": 7000, "cb-failure-threshold": 1}}
    }, draw(st.integers(3, 7))


@given(shapes())
def test_one_bootstrap_port_for_each_prefill_instance_on_all_its_ranks_and_in_its_routers(
    shape: tuple[dict[str, Any], int],
) -> None:
    raw, hosts = shape
    planned = plan(raw, inventory(hosts, gpus=64))
    ports: dict[str, set[str | None]] = {}
    for unit in units(planned, "prefill"):
        ports.setdefault(unit["instance"], set()).add(word(unit, BOOTSTRAP))
        assert word(unit, "--host") == "0.0.0.0"
    assert all(len(numbers) == 1 and None not in numbers for numbers in ports.values())
    assert not any(word(unit, BOOTSTRAP) for unit in units(planned, "decode"))
    leaders = {unit["instance"]: unit for unit in units(planned, "prefill") if unit["rank"] == 0}
    wanted = sorted(
        [f"http://{unit['address']}:{unit['api_port']}", word(unit, BOOTSTRAP)] for unit in leaders.values()
    )
    for host in planned["hosts"].values():
        for router in host["routers"]:
            argv = router["argv"]
            assert sorted(argv[at + 1 : at + 3] for at, name in enumerate(argv) if name == "--prefill") == wanted
            assert "127.0.0.1" not in " ".join(argv)
        led = [
            port
            for unit in leaders.values()
            if unit["host"] in planned["hosts"] and unit in host["units"]
            for port in ports[unit["instance"]]
        ]
        assert len(led) == len(set(led))


@given(shapes())
def test_decode_and_the_ranks_of_prefill_reach_every_bootstrap_server(shape: tuple[dict[str, Any], int]) -> None:
    raw, hosts = shape
    planned = plan(raw, inventory(hosts, gpus=64))
    decode = {unit["address"] for unit in units(planned, "decode")}
    for entry in planned["deployments"]["pd"]["bootstrap"]:
        rules = [
            rule
            for rule in expand(planned, entry["host"])
            if str(entry["port"]) in rule["ports"].replace("-", ",").split(",")
        ]
        reached = {source for rule in rules if isinstance(rule["sources"], list) for source in rule["sources"]}
        assert reached >= decode | {rank["address"] for rank in entry["ranks"]}
        assert not any(rule["sources"] == "clients" for rule in rules)


@pytest.mark.parametrize("role", ["prefill", "decode"])
@pytest.mark.parametrize("spelling", sorted({spelling for name in SMUGGLED for spelling in spellings(name)}))
def test_an_owned_option_is_refused_in_every_spelling(spelling: str, role: str) -> None:
    with pytest.raises(PlanError, match="is owned by the plan"):
        plan(pd(**{role: {"server_args": {spelling: 31000}}}))


def test_there_are_spellings_to_try() -> None:
    assert {
        "disaggregation_bootstrap_port",
        "--disaggregation-boo",
        "disaggregation-bo",
        "nccl-p",
        "nccl_init_addr",
    } <= {spelling for name in SMUGGLED for spelling in spellings(name)}


def test_two_prefill_instances_on_one_host_have_two_ports() -> None:
    planned = plan(pd(prefill={"hosts": ["node0"], "tp_size": 4}))
    assert [(entry["address"], entry["port"]) for entry in planned["deployments"]["pd"]["bootstrap"]] == [
        ("10.0.0.10", 8998),
        ("10.0.0.10", 9062),
    ]


def test_the_rust_server_answers_on_the_port_of_the_api() -> None:
    planned = plan(pd(prefill={"nnodes": 2, "tp_size": 16, "env": {"SGLANG_RUST_SERVER": "1"}}))
    assert [word(unit, BOOTSTRAP) for unit in units(planned, "prefill")] == [None, None]
    assert planned["deployments"]["pd"]["bootstrap"][0]["port"] == 30000
    (router,) = planned["hosts"]["node0"]["routers"]
    assert router["argv"][router["argv"].index("--prefill") + 1 :][:2] == ["http://10.0.0.10:30000", "30000"]


def test_the_ib_device_of_a_host_comes_before_that_of_its_group() -> None:
    own = inventory(4, node1={"sglang_ib_device": "mlx5_7"})
    groups = {"disaggregation_transfer_backend": "mooncake", "disaggregation_ib_device": "mlx5_0,mlx5_1"}
    planned = plan(pd(prefill={**groups, "nnodes": 2, "tp_size": 16}, decode=groups), own)
    assert [word(unit, "--disaggregation-ib-device") for unit in units(planned, "prefill")] == [
        "mlx5_0,mlx5_1",
        "mlx5_7",
    ]


def test_mooncake_may_be_told_to_look_for_devices_itself() -> None:
    groups = {"disaggregation_transfer_backend": "mooncake", "disaggregation_ib_device": "auto"}
    planned = plan(pd(prefill=groups, decode=groups))
    assert not any(
        word(unit, "--disaggregation-ib-device") for role in ("prefill", "decode") for unit in units(planned, role)
    )


def test_nixl_with_its_devices_on_every_host() -> None:
    nixl = {"disaggregation_transfer_backend": "nixl"}
    each = {
        name: {"sglang_host_env": {"UCX_NET_DEVICES": f"mlx5_{number}:1"}}
        for number, name in enumerate(("node0", "node1"))
    }
    planned = plan(pd(prefill=nixl, decode={**nixl, "env": {"UCX_NET_DEVICES": "all"}}), inventory(4, **each))
    assert [unit["environment"]["UCX_NET_DEVICES"] for unit in units(planned, "prefill")] == ["mlx5_0:1", "mlx5_1:1"]


@pytest.mark.parametrize("backend", ["mooncake", "nixl"])
def test_the_nearest_devices_are_looked_up_when_the_server_starts(backend: str) -> None:
    groups = {"disaggregation_transfer_backend": backend, "disaggregation_ib_device": "nearest"}
    planned = plan(pd(prefill=groups, decode=groups))
    unit, path = units(planned, "prefill")[0], "/run/sglang/sglang-pd-prefill-0/ib_devices.json"
    assert (unit["ib_devices_file"], word(unit, "--disaggregation-ib-device")) == (path, path)


def test_rules_of_many_hosts_repeat_no_addresses() -> None:
    planned = plan(pd(), inventory(40))
    assert len(planned["peers"]["decode pd"]) == 38
    assert {rule["sources"] for host in planned["hosts"].values() for rule in host["reach"]} <= {
        *planned["peers"],
        "clients",
        "scrapers",
    }


def test_mooncake_listens_on_ipv6_where_addresses_are_ipv6() -> None:
    group = {"hosts": "nodes", "tp_size": 4, "instances_per_host": 1, "disaggregation_transfer_backend": "mooncake_tcp"}
    raw = {"pd": {"model": "/m", "prefill": group, "decode": group}}
    where = inventory(**{f"node{number}": {"sglang_cluster_address": f"fd00::{number + 1}"} for number in range(4)})
    units = [unit for host in plan(raw, where)["hosts"].values() for unit in host["units"]]
    assert {unit["environment"]["MC_USE_IPV6"] for unit in units} == {"1"}
    assert "MC_USE_IPV6" not in plan(raw)["hosts"]["node0"]["units"][0]["environment"]


def test_the_rules_of_a_host_do_not_repeat_its_kv_transfer() -> None:
    small = {"tp_size": 1}
    planned = plan(pd(small, small))
    for name in ("node0", "node2"):
        transfers = [rule for rule in planned["hosts"][name]["reach"] if "15000-17000" in rule["ports"]]
        assert len(planned["hosts"][name]["units"]) == 8
        assert len(transfers) == 1


def test_a_plan_grows_with_its_hosts() -> None:
    def size(hosts: int) -> int:
        where = inventory(hosts)
        groups = {
            "first": list(where.groups["nodes"][: hosts // 2]),
            "second": list(where.groups["nodes"][hosts // 2 :]),
        }
        small = {"tp_size": 1}
        return len(json.dumps(plan(pd(small, small), replace(where, groups={**where.groups, **groups}))))

    few, more, many = size(10), size(20), size(40)
    assert many - more < 2.1 * (more - few)
