# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan holds: ranks, ports, commands, environments and rules."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import (
    Inventory,
    PlanError,
    check_removed,
    check_whole_instances,
    parse_only,
    select,
)
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.reach import expand
from ansible_collections.multinode.sglang.plugins.plugin_utils._report.plan import render_text

from .conftest import inventory, plan, server, typed


def units(planned: dict[str, Any]) -> dict[tuple[str, int], dict[str, Any]]:
    """Return all units by instance and rank."""
    return {(unit["instance"], unit["rank"]): unit for host in planned["hosts"].values() for unit in host["units"]}


def option(unit: dict[str, Any], name: str) -> str | None:
    """Return the word after an option of a unit's command."""
    argv = unit["argv"]
    return argv[argv.index(name) + 1] if name in argv else None


def test_instances_follow_inventory_order(small: dict[str, Any]) -> None:
    hosts = [[rank["host"] for rank in instance["ranks"]] for instance in small["deployments"]["llama"]["instances"]]
    assert hosts == [["node0", "node1"], ["node2", "node3"]]


def test_command_of_a_follower(small: dict[str, Any]) -> None:
    unit = units(small)["llama-0@node2", 1]
    assert unit["name"] == "sglang-llama-0"
    assert unit["argv"] == [
        "-m",
        "sglang.launch_server",
        "--model-path",
        "/models/llama",
        "--tp-size",
        "16",
        "--dist-init-addr",
        "10.0.0.12:20000",
        "--nnodes",
        "2",
        "--node-rank",
        "1",
        "--host",
        "0.0.0.0",
        "--port",
        "30000",
        "--nccl-port",
        "20050",
    ]
    assert unit["environment"] == {"SGLANG_HOST_IP": "10.0.0.13"}


def test_one_node_has_a_rendezvous_too() -> None:
    unit = units(plan(server(tp_size=8)))["llama-0@node0", 0]
    assert option(unit, "--dist-init-addr") == "10.0.0.10:20000"
    assert option(unit, "--nccl-port") == "20050"
    assert "--nnodes" not in unit["argv"]


def test_several_instances_on_a_host() -> None:
    planned = plan(server(tp_size=2, pp_size=2))
    third, other_host = units(planned)["llama-1@node0", 0], units(planned)["llama-1@node1", 0]
    assert (third["gpus"], option(third, "--base-gpu-id"), option(third, "--port")) == ([4, 5, 6, 7], "4", "30064")
    assert (other_host["host"], other_host["ports"]) == ("node1", third["ports"])


def test_multi_node_instances_share_hosts() -> None:
    planned = plan(server(tp_size=8, nnodes=2))
    hosts = [[rank["host"] for rank in instance["ranks"]] for instance in planned["deployments"]["llama"]["instances"]]
    assert hosts == [["node0", "node1"], ["node0", "node1"], ["node2", "node3"], ["node2", "node3"]]
    assert option(units(planned)["llama-1@node0", 1], "--base-gpu-id") == "4"


def test_instances_and_instances_per_host_limit() -> None:
    planned = plan(server(tp_size=1, instances=5, instances_per_host=2))
    hosts = [instance["ranks"][0]["host"] for instance in planned["deployments"]["llama"]["instances"]]
    assert hosts == ["node0", "node0", "node1", "node1", "node2"]


RACKS = {"r1": ["node0", "node1"], "r2": ["node3", "node2"], "cpu": ["node5"]}


@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        ("r2", "node3 node2"),
        (["r2", "r1"], "node3 node2 node0 node1"),
        (["node4", "r1"], "node4 node0 node1"),
        ("r1,r2", "node0 node1 node3 node2"),
        ("r1:r2:!node3", "node0 node1 node2"),
        ("nodes:!r1:!cpu", "node2 node3 node4"),
        ("nodes:&r2", "node2 node3"),
        ("!r1:!cpu", "node2 node3 node4"),
        ("nodes[1:2]", "node1 node2"),
        ("r2[0]", "node3"),
        ("r2[-1]", "node2"),
        ("~node[45]", "node4 node5"),
        ("r?", "node0 node1 node3 node2"),
        (["r1", "~node[23]", "!node1"], "node0 node2 node3"),
        (["nodes", "&r2"], "node2 node3"),
        (["!r1", "!cpu"], "node2 node3 node4"),
    ],
)
def test_hosts_are_groups_hosts_and_patterns_in_their_order(hosts: Any, names: str) -> None:
    known = inventory(6)
    where = Inventory({**known.groups, **RACKS}, known.variables)
    placed = plan(server(hosts=hosts, tp_size=8), where)["deployments"]["llama"]["instances"]
    assert [instance["ranks"][0]["host"] for instance in placed] == names.split()


def test_a_host_may_have_the_name_of_a_pattern() -> None:
    variables = {"fd00::1": {}, "a[0]": {"sglang_cluster_address": "10.0.0.1"}}
    where = Inventory({"all": list(variables)}, variables.__getitem__)
    assert list(plan(server(hosts=["a[0]", "fd00::1"], tp_size=8), where)["hosts"]) == ["a[0]", "fd00::1"]


def test_ranks_follow_the_order_of_the_hosts_themselves() -> None:
    orders: dict[str, Any] = {"node0": "10", "node2": 9, "node3": 2.5}
    where = inventory(5, **{name: {"sglang_rank_order": order} for name, order in orders.items()})
    planned = plan(server(nnodes=5, tp_size=40), where)
    (instance,) = planned["deployments"]["llama"]["instances"]
    assert [rank["host"] for rank in instance["ranks"]] == ["node3", "node2", "node0", "node1", "node4"]
    assert instance["instance"] == "llama-0@node3"


def test_words_order_hosts_too() -> None:
    where = inventory(3, node0={"sglang_rank_order": "b"}, node2={"sglang_rank_order": "a"})
    placed = plan(server(tp_size=8), where)["deployments"]["llama"]["instances"]
    assert [instance["ranks"][0]["host"] for instance in placed] == ["node2", "node0", "node1"]


def test_a_deployment_may_run_another_release() -> None:
    group = {"hosts": "first", "tp_size": 4, "attn_dp_size": 4, "instances_per_host": 1}
    raw = {
        "old": {"model": "/m", "server": group},
        "new": {"model": "/m", "server": group, "sglang_version": "0.5.20"},
    }
    planned = plan(raw)
    old, new = planned["hosts"]["node0"]["units"]
    assert (old["sglang_version"], new["sglang_version"]) == ("0.5.23", "0.5.20")
    assert "--attn-dp-size" in old["argv"]
    assert "--enable-dp-attention" in new["argv"]
    assert planned["hosts"]["node0"]["sglang_versions"] == ["0.5.20", "0.5.23"]
    assert planned["sglang_version"] == "0.5.23"
    text = render_text(typed(raw))
    assert "DEPLOYMENT new: /m on SGLang 0.5.20, 2 instances" in text
    whole = typed(raw)
    assert select(whole, ["old"]).hosts["node0"].sglang_versions == ("0.5.20", "0.5.23")


@pytest.mark.parametrize("release", ["0.5.20", "0.5.23.post1"])
def test_another_release_restarts_the_instances_of_its_deployment(release: str) -> None:
    def digests(**keys: Any) -> list[str]:
        raw = {"llama": {**server(tp_size=8)["llama"], **keys}}
        return [one["digest"] for one in plan(raw)["deployments"]["llama"]["instances"]]

    assert digests(sglang_version="0.5.23") == digests()
    assert not set(digests(sglang_version=release)) & set(digests())


def test_only_listed_gpus_are_used_and_seen() -> None:
    planned = plan(server(tp_size=2), inventory(2, node1={"sglang_gpus": [7, 4, 2, 3]}))
    first, second = units(planned)["llama-0@node1", 0], units(planned)["llama-1@node1", 0]
    assert [(unit["gpus"], unit["environment"]["CUDA_VISIBLE_DEVICES"]) for unit in (first, second)] == [
        ([7, 4], "7,4"),
        ([2, 3], "2,3"),
    ]
    assert second["environment"]["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert option(second, "--base-gpu-id") is None
    assert ("llama-2@node1", 0) not in units(planned)
    other = units(planned)["llama-1@node0", 0]
    assert option(other, "--base-gpu-id") == "2"
    assert "CUDA_VISIBLE_DEVICES" not in other["environment"]


def test_an_instance_may_have_other_gpus_on_each_host() -> None:
    planned = plan(server(tp_size=8, nnodes=2), inventory(2, node1={"sglang_gpus": [4, 5, 6, 7]}))
    leader, follower = (units(planned)["llama-0@node0", rank] for rank in (0, 1))
    assert (leader["gpus"], follower["gpus"]) == ([0, 1, 2, 3], [4, 5, 6, 7])
    assert follower["environment"]["CUDA_VISIBLE_DEVICES"] == "4,5,6,7"
    assert "CUDA_VISIBLE_DEVICES" not in leader["environment"]


@pytest.mark.parametrize("kind", ["MIG-c6d4f1ef-42e4", "GPU-5d5ba0d6-d33d", "MIG-GPU-5d5ba0d6/3/0"])
def test_each_mig_slice_has_a_server_that_sees_it_alone(kind: str) -> None:
    names = [f"{kind}{number}" for number in range(3)]
    planned = plan(server(tp_size=1), inventory(1, node0={"sglang_gpus": names}))
    found = planned["hosts"]["node0"]["units"]
    assert [unit["environment"]["CUDA_VISIBLE_DEVICES"] for unit in found] == names
    assert [(unit["gpus"], unit["gpu_uuids"]) for unit in found] == [([], [name]) for name in names]
    assert all("CUDA_DEVICE_ORDER" not in unit["environment"] for unit in found)
    assert all(option(unit, "--base-gpu-id") is None for unit in found)


def test_a_router_or_a_model_needs_no_gpu() -> None:
    where = inventory(3, node2={"sglang_gpus_per_node": 0})
    group = {"hosts": "first", "tp_size": 8}
    raw = {"a": {"model": "/m", "server": group, "router": {"hosts": "node2", "cb-failure-threshold": 3}}}
    assert plan(raw, where)["hosts"]["node2"]["routers"]


def test_two_deployments_on_one_host_take_the_next_slot_and_gpus() -> None:
    both = {
        name: {"model": "/m", "server": {"hosts": "nodes", "tp_size": 4, "instances_per_host": 1}}
        for name in ("a", "b")
    }
    second = units(plan(both))["b-0@node0", 0]
    assert (second["slot"], second["gpus"], second["api_port"]) == (1, [4, 5, 6, 7], 30064)


def test_a_given_port_counts_within_its_own_group() -> None:
    both = {
        "a": {"model": "/m", "server": {"hosts": "nodes", "tp_size": 4, "instances_per_host": 1}},
        "b": {
            "model": "/m",
            "server": {"hosts": "nodes", "tp_size": 4, "instances_per_host": 1, "port": 31000, "dist_init_port": 21000},
        },
    }
    second = units(plan(both))["b-0@node0", 0]
    assert (second["api_port"], second["ports"]["dist_init"], second["ports"]["dp_attention"]) == (
        31000,
        "21000",
        "21001-21006",
    )


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("0.5.23", "--attn-dp-size 8"),
        ("0.5.22", "--attn-dp-size 8"),
        ("0.5.21", "--dp-size 8 --enable-dp-attention"),
        ("0.5.6", "--dp-size 8 --enable-dp-attention"),
    ],
)
def test_attention_dp_spelling_by_version(version: str, words: str) -> None:
    argv = units(plan(server(tp_size=8, attn_dp_size=8), version=version))["llama-0@node0", 0]["argv"]
    assert words in " ".join(argv)


@pytest.mark.parametrize(("version", "count"), [("0.5.5", 1), ("0.5.6", 0), ("0.5.23", 0), ("0.5.24", 1), ("0.6.0", 1)])
def test_unknown_versions_warn(version: str, count: int) -> None:
    assert len(plan(server(tp_size=8), version=version)["warnings"]) == count


def test_a_secret_in_the_environment_is_warned_of_and_a_name_like_one_is_not() -> None:
    env = {"HF_TOKEN": "x", "TOKENIZERS_PARALLELISM": "false", "SOME_KEY": 7}
    (warning,) = plan({"llama": {**server(tp_size=8)["llama"], "env": env}})["warnings"]
    assert warning.startswith("deployments.llama.env: HF_TOKEN can be read on the hosts")
    assert "move it to sglang_server_secrets: {llama: {env: ...}}" in warning


def test_server_args_as_words() -> None:
    args = {
        "mem_fraction_static": 0.8,
        "enable-metrics": True,
        "disable-radix-cache": False,
        "lora-strict-loading": False,
        "cuda-graph-bs-decode": [1, 2, 4],
        "json-model-override-args": {"a": "b c"},
        "model-checksum": True,
        "log-level": "-odd",
        "kv-cache-dtype": "auto",
    }
    argv = units(plan(server(tp_size=8, server_args=args)))["llama-0@node0", 0]["argv"]
    expected = [
        "--mem-fraction-static",
        "0.8",
        "--enable-metrics",
        "--no-lora-strict-loading",
        "--cuda-graph-bs-decode",
        "1",
        "2",
        "4",
        "--json-model-override-args",
    ]
    assert (
        argv[-13:]
        == [*expected, '{"a":"b c"}', "--model-checksum", "--log-level=-odd", "--kv-cache-dtype", "auto"][-13:]
    )


def test_environment_is_layered() -> None:
    where = inventory(node0={"sglang_cluster_interface": "bond0", "sglang_host_env": {"NCCL_IB_HCA": "mlx5_1"}})
    deployments = {
        "llama": {
            "model": "/m",
            "env": {"A": 1, "B": "deployment"},
            "server": {"hosts": "nodes", "tp_size": 8, "env": {"B": "group"}},
        }
    }
    environment = units(plan(deployments, where, env={"A": 0, "NCCL_DEBUG": "INFO"}))["llama-0@node0", 0]["environment"]
    assert environment == {
        "SGLANG_HOST_IP": "10.0.0.10",
        "GLOO_SOCKET_IFNAME": "bond0",
        "NCCL_SOCKET_IFNAME": "=bond0",
        "A": "1",
        "NCCL_DEBUG": "INFO",
        "B": "group",
        "NCCL_IB_HCA": "mlx5_1",
    }


def test_ipv6_rendezvous_is_in_brackets() -> None:
    where = inventory(hosts=2, node0={"sglang_cluster_address": "fd00::1"}, node1={"sglang_cluster_address": "fd00::2"})
    planned = plan(server(tp_size=16, nnodes=2), where)
    assert option(units(planned)["llama-0@node0", 1], "--dist-init-addr") == "[fd00::1]:20000"
    assert planned["deployments"]["llama"]["instances"][0]["url"] == "http://[fd00::1]:30000"


def test_reserved_ports_allow_the_ephemeral_range() -> None:
    assert plan(server(tp_size=8, port=40000), reserved_ports="40000-40063")["hosts"]["node0"][
        "reserved_ports"
    ].endswith("40000")


def test_rust_server_ports_grow_with_attention_dp() -> None:
    group = {"tp_size": 8, "attn_dp_size": 8, "env": {"SGLANG_RUST_SERVER": "1"}}
    assert units(plan(server(**group)))["llama-0@node0", 0]["ports"]["dp_attention"] == "20001-20014"


@pytest.mark.parametrize("key", ["ssl-certfile", "ssl_certfile", "ssl-certf"])
def test_tls_shows_in_the_url(key: str) -> None:
    planned = plan(server(tp_size=8, server_args={key: "/c.pem", "ssl-keyfile": "/k.pem"}))
    assert planned["deployments"]["llama"]["instances"][0]["url"] == "https://10.0.0.10:30000"


def test_peers_reach_each_other_and_clients_the_api(small: dict[str, Any]) -> None:
    clients, peers = expand(small, "node0")
    assert (clients["sources"], clients["ports"]) == ("clients", "30000")
    assert peers["sources"] == ["10.0.0.10", "10.0.0.11"]
    assert peers["ports"] == "20000-20006,20013,20050-20051,32768-60999"


def test_digest_changes_with_any_rank_and_with_nothing_else() -> None:
    def digest(where: Any, name: str = "llama-0@node0") -> str:
        return next(
            entry["digest"]
            for entry in plan(server(nnodes=2, tp_size=16), where)["deployments"]["llama"]["instances"]
            if entry["instance"] == name
        )

    changed = inventory(node1={"sglang_host_env": {"NCCL_DEBUG": "INFO"}})
    assert digest(inventory()) == digest(inventory())
    assert digest(inventory()) != digest(changed)
    assert digest(inventory(), "llama-0@node2") == digest(changed, "llama-0@node2")


def test_select_keeps_ports_and_unit_names() -> None:
    both = {
        name: {"model": "/m", "server": {"hosts": "nodes", "tp_size": 4, "instances_per_host": 1}}
        for name in ("a", "b")
    }
    whole = typed(both)
    part = select(whole, parse_only("b", whole))
    assert [unit.api_port for unit in part.hosts["node0"].units] == [30064]
    assert part.hosts["node0"].left_out_units == ("sglang-a-0",)
    assert parse_only("", whole) == ["a", "b"]
    with pytest.raises(PlanError, match="there is no deployment 'c'"):
        parse_only("c", whole)


def test_hosts_of_other_deployments_are_left_alone() -> None:
    raw = {
        name: {"model": "/m", "server": {"hosts": [host], "tp_size": 8}}
        for name, host in (("a", "node0"), ("b", "node1"))
    }
    part = select(typed(raw), ["a"])
    assert list(part.hosts) == ["node0"]
    assert part.peers == typed(raw).peers


def test_a_part_of_an_instance_is_refused() -> None:
    small = typed(server(nnodes=2, tp_size=16))
    check_whole_instances(small, ["node0", "node1"])
    with pytest.raises(
        PlanError, match="instance llama-0@node2: --limit or serial leaves out node3 of its hosts node2, node3"
    ):
        check_whole_instances(small, ["node0", "node1", "node2"])


def test_text_shows_every_rank() -> None:
    text = render_text(typed(server(nnodes=2, tp_size=16)))
    assert "DEPLOYMENT llama: /models/llama on SGLang 0.5.23, 2 instances" in text
    assert (
        "  llama-0@node2  1/2   node3  10.0.0.13  0-7   30000  10.0.0.12 20000  20001-20006,20013,20050-20051" in text
    )
    assert text.count("python -m sglang.launch_server") == 4
    assert all(line == line.rstrip() for line in text.splitlines())


def test_a_host_that_leaves_renames_nothing_on_those_that_stay() -> None:
    deployments = {
        "a": {"model": "/m", "server": {"hosts": "nodes", "tp_size": 2, "instances_per_host": 2}},
        "b": {"model": "/m", "server": {"hosts": "nodes", "tp_size": 4}},
    }
    known = inventory()
    stay = ["node0", "node2", "node3"]
    before = plan(deployments, known)["hosts"]
    after = plan(deployments, Inventory({"all": stay, "nodes": stay}, known.variables))["hosts"]
    assert after == {name: before[name] for name in stay}
    assert [unit["name"] for unit in after["node3"]["units"]] == ["sglang-a-0", "sglang-a-1", "sglang-b-0"]
    assert [unit["instance"] for unit in after["node3"]["units"]] == ["a-0@node3", "a-1@node3", "b-0@node3"]


@pytest.mark.parametrize("odd", ["fd00::17", "gpu-1.rack.example", "o'neil/1", "user@host", "50%"])
def test_paths_and_reasons_have_no_part_of_a_host_s_name(odd: str) -> None:
    names = [odd, "other"]
    variables = {name: {"sglang_cluster_address": f"10.0.0.{number + 1}"} for number, name in enumerate(names)}
    group = {"hosts": "nodes", "nnodes": 2, "tp_size": 16}
    where = Inventory({"all": names, "nodes": names}, variables.__getitem__)
    planned = plan({"a": {"model": "/m", "server": group}}, where)
    for name in names:
        (unit,) = planned["hosts"][name]["units"]
        assert (unit["name"], unit["instance"]) == ("sglang-a-0", f"a-0@{odd}")
        assert [rule["why"].partition(";")[0] for rule in planned["hosts"][name]["reach"]] == [
            "a-0: the API",
            "a-0: between its ranks",
        ]
    assert list(planned["peers"]) == [f"instance a-0@{odd}"]


def test_a_unit_knows_its_release_and_a_host_all_of_them(small: dict[str, Any]) -> None:
    assert units(small)["llama-0@node2", 1]["sglang_version"] == "0.5.23"
    assert small["hosts"]["node3"]["sglang_versions"] == ["0.5.23"]


def test_rules_name_sets_of_peers(small: dict[str, Any]) -> None:
    rule = small["hosts"]["node2"]["reach"][1]
    assert rule["sources"] == "instance llama-0@node2"
    assert small["peers"]["instance llama-0@node2"] == ["10.0.0.12", "10.0.0.13"]


def test_options_are_facts_and_argv_is_rendered_from_them(small: dict[str, Any]) -> None:
    unit = units(small)["llama-0@node2", 1]
    found = {option["name"]: option["values"] for option in unit["options"]}
    assert (found["node-rank"], found["port"], found["tp-size"]) == (["1"], ["30000"], ["16"])
    assert len(unit["argv"]) == 2 + sum(1 + len(values) for values in found.values())


@pytest.mark.parametrize("hosts", ["node0", "node0,node1", "nodes:node1", ["node0"], "", [], "nope*", "all:!node1"])
def test_hosts_to_clean_are_in_the_inventory(hosts: Any) -> None:
    check_removed(hosts, {"all": ["node0", "node1"], "nodes": ["node0", "node1"]})


@pytest.mark.parametrize("hosts", ["nod1", "node0,nod1", ["node0", "nod1"]])
def test_a_host_to_clean_that_is_not_in_the_inventory_is_refused(hosts: Any) -> None:
    with pytest.raises(PlanError, match="sglang_remove_hosts: the inventory has no host or group 'nod1'; did you mean"):
        check_removed(hosts, {"all": ["node0", "node1"]})
