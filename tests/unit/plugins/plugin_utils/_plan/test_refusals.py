# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every plan that cannot work is refused with a sentence that names what, the numbers and the remedy."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import Inventory, PlanError

from .conftest import inventory, plan, server


def two(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return two deployments with one server group each."""
    return {
        "a": {"model": "/m", "server": {"hosts": "nodes", **first}},
        "b": {"model": "/m", "server": {"hosts": "nodes", **second}},
    }


def pd(**keys: Any) -> dict[str, Any]:
    """Return a prefill-decode deployment; keys replace its own."""
    body = {
        "model": "/m",
        "prefill": {"hosts": "first", "tp_size": 8, "disaggregation_transfer_backend": "mooncake_tcp"},
        "decode": {"hosts": "second", "tp_size": 8, "disaggregation_transfer_backend": "mooncake_tcp"},
    }
    return {"pd": {**body, **keys}}


SHAPE = [
    (
        server(tp_size=6, pp_size=1, nnodes=4),
        "deployments.llama.server.tp_size: 6 x pp_size 1 = 6 processes do not divide over nnodes 4",
    ),
    (
        server(tp_size=32, nnodes=2),
        "llama.server.tp_size: 32 x pp_size 1 needs 32 GPUs, but nnodes 2 x 8 GPUs (node0) = 16; set nnodes: 4 or lower tp_size",
    ),
    (
        server(tp_size=24, nnodes=3),
        "4 hosts are not a multiple of nnodes 3; add 2 or remove 1, or set instances to leave hosts spare",
    ),
    (
        two({"tp_size": 8}, {"tp_size": 8}),
        "deployments.b.server.hosts: node0 has 8 GPUs of which a-0 take 8, but an instance needs 8 there",
    ),
    (
        server(instances=5, tp_size=8),
        "instances: 5 of 1 hosts x 8 GPUs do not fit on 4 hosts, which have room for 4; set instances to 4 or add hosts",
    ),
    (server(tp_size=8, attn_dp_size=3), "attn_dp_size: 3 does not divide tp_size 8; choose a divisor of 8"),
    (server(tp_size=8, ep_size=3), "ep_size: 3 does not divide tp_size 8"),
    (server(tp_size=4, nnodes=2, dp_size=2), "dp_size: 2 replicas cannot span nnodes 2; set attn_dp_size"),
    (server(tp_size=2, dp_size=2, attn_dp_size=2), "dp_size: 2 replicas and attn_dp_size 2 exclude each other"),
    (
        server(tp_size=16),
        "tp_size: 16 x pp_size 1 needs 16 GPUs, but nnodes 1 x 8 GPUs (node0) = 8; set nnodes: 2 or lower tp_size",
    ),
]
NAMES = [
    (server(hosts="node_s"), "hosts: the inventory has no group 'node_s'; did you mean nodes?"),
    (server(hosts="nobody"), "hosts: the group 'nobody' has no hosts; add hosts to it in the inventory"),
    (
        server(hosts="node0,node1"),
        "'node0,node1' is one string; write the name of one group, or a YAML list such as [node0, node1]",
    ),
    (server(hosts=["node0", "nodeX"]), "hosts: the inventory has no host 'nodeX'; did you mean node"),
    (server(hosts=["node0", "node0"]), "hosts: a host is named twice"),
    (
        {**pd(), "pd-prefill": {"model": "/m", "server": {"hosts": ["node3"], "instances": 1}}},
        "node3 has 8 GPUs of which pd-decode-1 take 8",
    ),
    (
        {
            **pd(decode={"hosts": ["node3"], "instances": 1, "disaggregation_transfer_backend": "mooncake_tcp"}),
            "pd-decode": {"model": "/m", "server": {"hosts": ["node2"], "instances": 1}},
        },
        "its unit sglang-pd-decode-0 has the same name as one of deployments.pd; rename one of them",
    ),
    ({"Llama 3": {"model": "/m", "server": {"hosts": "nodes"}}}, "the name becomes part of unit names"),
    ({"llama": {"model": "/m"}}, "deployments.llama: it serves nothing; add server: or prefill: and decode:"),
    ({"llama": {"server": {"hosts": "nodes"}}}, "deployments.llama.model: it is missing"),
    (
        {"llama": {"model": "/m", "server": {"hosts": "nodes"}, "prefil": {}}},
        "deployments.llama.prefil: there is no such key; did you mean prefill?",
    ),
    (
        pd(decode={"hosts": "second", "bootstrap_port": 9000}),
        "deployments.pd.decode.bootstrap_port: only prefill instances run a bootstrap server",
    ),
    (
        {"pd": {"model": "/m", "prefill": {"hosts": "first"}}},
        "deployments.pd: prefill without decode answers no request; add decode:",
    ),
    (pd(server={"hosts": "nodes"}), "server and prefill exclude each other"),
    (server(bootstrap_port=9000), "bootstrap_port: it is for prefill and decode"),
    ({}, "sglang_deployments: it must be a mapping"),
    (["llama"], "sglang_deployments: it must be a mapping"),
    (
        {"llama": {"model": "/m", "api_key": "x", "server": {"hosts": "nodes"}}},
        "keys do not belong in the plan, which is printed",
    ),
    ({"llama": {"model": "/m", "served_model_name": "a:b", "server": {"hosts": "nodes"}}}, "SGLang allows no ':'"),
]
PORTS = [
    (server(tp_size=1, port=65400), "llama-3 on node0: port 65592"),
    (
        server(tp_size=1, port=65500),
        "port 65564 (--port: the API on rank 0, a health answer on the other ranks) is above 65535",
    ),
    (server(tp_size=8, dist_init_port=65530), "port 65531-65536 (rendezvous + 1 to + 6"),
    (
        server(tp_size=8, port=40000),
        "port 40000 (--port: the API on rank 0, a health answer on the other ranks) is inside the ephemeral range 32768-60999",
    ),
    (
        server(tp_size=8, port=80),
        "port 80 (--port: the API on rank 0, a health answer on the other ranks) is below 1024",
    ),
    (
        two({"tp_size": 4, "port": 30000, "instances": 1}, {"tp_size": 4, "port": 30000, "instances": 1}),
        "host node0: a-0 (api 30000) and b-0 (api 30000) want the same port",
    ),
    (
        server(tp_size=4, dist_init_port=20000, port=20003),
        "llama-0 (dp_attention 20001-20006) and llama-0 (api 20003) want the same port",
    ),
    (
        server(tp_size=4, server_args={"smg-grpc-mode": True}),
        "port 40000 (--port + 10000: the gRPC server of smg-grpc-mode) is inside the ephemeral range",
    ),
]
OPTIONS = [
    (server(server_args={"port": 1234}), "server_args.port: --port is owned by the plan; set port beside hosts"),
    (server(server_args={"--node_rank": 1}), "server_args.--node_rank: --node-rank is owned by the plan"),
    (
        server(server_args={"tensor_parallel_size": 2}),
        "server_args.tensor_parallel_size: --tp-size is owned by the plan; set tp_size beside hosts",
    ),
    (server(server_args={"dist-in": "a:1"}), "server_args.dist-in: --dist-init-addr is owned by the plan"),
    (server(server_args={"nccl-init-addr": "a:1"}), "--dist-init-addr is owned by the plan"),
    (server(server_args={"nno": 2}), "--nnodes is owned by the plan"),
    (server(server_args={"api-k": "secret"}), "--api-key is owned by the plan; set sglang_server_api_key"),
    (server(server_args={"disaggregation-bootstrap-port": 1}), "--disaggregation-bootstrap-port is owned by the plan"),
    (server(server_args={"tp": 2}), "--tp-size is owned by the plan"),
    (
        server(server_args={"mem-fraction-statik": 0.8}),
        "has no option --mem-fraction-statik; did you mean mem-fraction-static?",
    ),
    (server(server_args={"disaggregation": 1}), "is short for"),
    (
        server(server_args={"mem-fraction-static": "a lot"}),
        "--mem-fraction-static takes a number, but 'a lot' is a string",
    ),
    (
        server(server_args={"max-running-requests": 1.5}),
        "--max-running-requests takes a whole number, but 1.5 is a number",
    ),
    (
        server(server_args={"enable-metrics": "yes"}),
        "--enable-metrics is a switch, but 'yes' is a string; write true or false",
    ),
    (
        server(server_args={"cuda-graph-bs-decode": "1 2 4"}),
        "--cuda-graph-bs-decode takes a list, but '1 2 4' is a string; write [1, 2, 4]",
    ),
    (server(server_args={"log-level": None}), "server_args.log-level: it has no value; give it one or remove the line"),
    (
        server(server_args={"tokenizer-mode": "fast"}),
        "--tokenizer-mode takes one of auto, slow, but 'fast' is none of them",
    ),
    (server(server_args={"mem_fraction_static": 0.8, "mem-fraction-static": 0.9}), "it is the same option as"),
    (
        server(server_args={"custom-weight-loader": ["--port=1"]}),
        "'--port=1' begins with a dash and would be read as an option",
    ),
    (
        server(server_args="--enable-metrics"),
        "server_args: '--enable-metrics' is not a mapping of option names to values",
    ),
    (server(extra_ports={"prometheus": 9000}), "extra_ports.prometheus: it is not an option that opens a port"),
    (server(extra_ports={"grpc-port": "9000"}), "extra_ports.grpc-port: '9000' is not a port number"),
]
TYPES = [
    (server(tp_size="16"), "tp_size: '16' is not a whole number; write it without quotes"),
    (server(tp_size=True), "tp_size: True is not a whole number"),
    (server(nnodes=0), "nnodes: 0 is below 1"),
    (server(env={"NCCL_DEBUG": ""}), "env.NCCL_DEBUG: an empty value is not the same as an unset variable"),
    (
        server(env={"NCCL_IB_DISABLE": False}),
        "env.NCCL_IB_DISABLE: False is a boolean; write the string that the program expects",
    ),
    (
        server(env={"SGLANG_HOST_IP": "10.0.0.1"}),
        "env.SGLANG_HOST_IP: SGLANG_HOST_IP is owned by the plan; set sglang_cluster_address",
    ),
    (server(env="NCCL_DEBUG=INFO"), "env: 'NCCL_DEBUG=INFO' is not a mapping of variable names to values"),
    (server(tpsize=1), "deployments.llama.server.tpsize: there is no such key; did you mean tp_size?"),
    (server(hosts=None), "hosts: None names no hosts"),
    (server(instances=2, instances_per_host=3), "instances_per_host: 3 is more than instances 2"),
]


@pytest.mark.parametrize(("deployments", "sentence"), [*SHAPE, *NAMES, *PORTS, *OPTIONS, *TYPES])
def test_refused(deployments: Any, sentence: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan(deployments)
    assert sentence in str(caught.value)


ADDRESSES = [
    (
        {"sglang_cluster_address": "127.0.0.1"},
        "host node1: 127.0.0.1 cannot be its cluster address, because other hosts do not reach it there",
    ),
    ({"ansible_host": "gpu1.example"}, "host node1: it has no cluster address; set sglang_cluster_address"),
    ({"sglang_cluster_address": "gpu1"}, "host node1: sglang_cluster_address 'gpu1' is not an IP address"),
    ({"sglang_cluster_address": "10.0.0.10"}, "host node1: its cluster address 10.0.0.10 is also that of node0"),
    ({"sglang_cluster_address": "0.0.0.0"}, "cannot be its cluster address"),
    ({"sglang_gpus_per_node": "8"}, "host node1: sglang_gpus_per_node is '8'"),
    ({"sglang_cluster_interface": 7}, "host node1: sglang_cluster_interface is 7"),
]


@pytest.mark.parametrize(("variables", "sentence"), ADDRESSES)
def test_host_refused(variables: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan(server(tp_size=8), inventory(node1=variables))
    assert sentence in str(caught.value)


VERSIONS = [
    ("0.5.x", {}, "sglang_runtime_version: '0.5.x' is not a release"),
    (
        "0.5.10",
        {"server_args": {"disaggregation-decode-enable-radix-cache": True}},
        "needs SGLang 0.5.15, but sglang_runtime_version is 0.5.10",
    ),
]


@pytest.mark.parametrize(("version", "group", "sentence"), VERSIONS)
def test_version_refused(version: str, group: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan(server(tp_size=8, **group), version=version)
    assert sentence in str(caught.value)


def test_all_reasons_are_given_at_once() -> None:
    deployments = {
        "a": {"model": "/m", "server": {"hosts": "nodes", "tp_size": "x"}},
        "b": {"model": "/m", "server": {"hosts": "nowhere"}},
    }
    with pytest.raises(PlanError) as caught:
        plan(deployments)
    assert len(caught.value.sentences) == 2


def test_no_variables_are_read_of_hosts_that_do_not_serve() -> None:
    known = inventory()

    def variables(host: str) -> Any:
        assert host != "node3"
        return known.variables(host)

    plan({"a": {"model": "/m", "server": {"hosts": "first", "tp_size": 8}}}, Inventory(known.groups, variables))


@pytest.mark.parametrize(
    ("text", "sentence"), [("32768", ""), ("a-b", "is not a port or a range"), ("1-2,3-4", "is not one range")]
)
def test_settings(text: str, sentence: str) -> None:
    if not sentence:
        assert plan(server(tp_size=8), ephemeral=text)["ephemeral_ports"] == text
        return
    with pytest.raises(PlanError, match=sentence):
        plan(server(tp_size=8), ephemeral=text)
