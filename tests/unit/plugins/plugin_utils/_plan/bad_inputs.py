# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs that the plan refuses or warns about: one for each sentence that it can say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from ansible.errors import AnsibleUndefinedVariable
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import (
    HostVariables,
    PlanError,
    check_removed,
    check_whole_instances,
    parse_only,
    settled,
)
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.agreement import OPTIONS

from .conftest import inventory, server, typed

TCP = {"disaggregation_transfer_backend": "mooncake_tcp"}
NEAREST = {"disaggregation_transfer_backend": "mooncake", "disaggregation_ib_device": "nearest"}
DIGEST = "a" * 64


def body(**keys: Any) -> dict[str, Any]:
    """Return a deployment of one server a host; keys replace its own."""
    return {"llama": {"model": "/m", "server": {"hosts": "nodes", "tp_size": 8}, **keys}}


def args(**options: Any) -> dict[str, Any]:
    """Return a deployment with server_args; dashes as underscores."""
    return server(server_args=options)


def two(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return two deployments with one server group each."""
    return {
        "a": {"model": "/m", "server": {"hosts": "nodes", **first}},
        "b": {"model": "/m", "server": {"hosts": "nodes", **second}},
    }


def pd(prefill: dict[str, Any] | None = None, decode: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """Return a prefill-decode deployment; over TCP where no backend is given."""
    groups = {
        "prefill": {"hosts": "first", "tp_size": 8, **TCP, **(prefill or {})},
        "decode": {"hosts": "second", "tp_size": 8, **TCP, **(decode or {})},
    }
    return {"pd": {"model": "/m", **groups, "router": {"hosts": ["node0"], "cb-failure-threshold": 3}, **keys}}


def both(**group: Any) -> dict[str, Any]:
    """Return a prefill-decode deployment with the same for prefill and decode."""
    return pd(group, group)


def routed(**router: Any) -> dict[str, Any]:
    """Return a deployment of two servers with a router."""
    one = {"hosts": ["node0"], "cb-failure-threshold": 3, **router}
    return {"llama": {"model": "/m", "server": {"hosts": "second", "tp_size": 8}, "router": one}}


def model(**keys: Any) -> dict[str, Any]:
    """Return sglang_models with one entry."""
    return {"models": {"llama": {"source": "/mnt/models/llama", **keys}}}


def nfs(**keys: Any) -> dict[str, Any]:
    """Return sglang_models with one entry over NFS."""
    return model(nfs={"server": "nfs1", "export": "/export", "path": "/mnt/models", **keys})


DEPLOYMENTS: list[Any] = [
    {},
    ["llama"],
    {"llama": "server"},
    {"Llama 3": body()["llama"]},
    {405: body()["llama"], "405": body()["llama"]},
    body(sglang_version="latest"),
    body(sglang_version="0.6.0"),
    {"llama": {"model": "/m"}},
    {"llama": {"server": {"hosts": "nodes"}}},
    body(model=7),
    body(model=" "),
    body(prefil={}),
    body(api_key="x"),
    body(served_model_name="a:b"),
    body(prefill={"hosts": "nodes"}),
    {"pd": {"model": "/m", "prefill": {"hosts": "first"}}},
    server(bootstrap_port=9000),
    server(tpsize=1),
    server(mem_fraction_static=0.8),
    server(hosts=None),
    server(hosts="node0 node1"),
    server(hosts="node0,nodeX"),
    server(hosts="nodes:!frist"),
    server(hosts="nodes:!node*"),
    server(hosts="nodes[7]"),
    server(hosts="~("),
    server(hosts=["first", "!nodes"]),
    server(hosts=["first", "node1"]),
    server(hosts="node_s"),
    server(hosts="east"),
    server(hosts="nobody"),
    server(hosts=["node0", "nodeX"]),
    server(hosts=["node0", "gpu17"]),
    server(hosts=["node0", "node0"]),
    {"llama": {"model": "/m", "server": {"tp_size": 8}}},
    server(tp_size="16"),
    server(tp_size=2.5),
    server(tp_size=True),
    server(nnodes=0),
    server(server_args="--enable-metrics"),
    server(extra_ports=[9000]),
    server(extra_ports={"prometheus": 9000}),
    server(extra_ports={"grpc-port": "9000"}),
    # Sizes and places.
    server(tp_size=6, nnodes=4),
    server(tp_size=12, pp_size=2, nnodes=3),
    server(tp_size=16),
    server(tp_size=32, nnodes=2),
    server(tp_size=4, dp_size=4),
    server(tp_size=24, nnodes=3),
    server(tp_size=8, attn_dp_size=3),
    server(tp_size=8, ep_size=3),
    server(tp_size=4, nnodes=2, dp_size=2),
    server(tp_size=2, dp_size=2, attn_dp_size=2),
    server(instances=2, instances_per_host=3),
    server(instances=5, tp_size=8),
    two({"tp_size": 8}, {"tp_size": 8}),
    two({"tp_size": 2}, {"tp_size": 8}),
    two({"tp_size": 8}, {"tp_size": 8, "instances": 1}),
    {
        **pd(decode={"hosts": ["node3"], "instances": 1}),
        "pd-decode": {"model": "/m", "server": {"hosts": ["node2"], "instances": 1}},
    },
    {"router-x": {"model": "/m", "server": {"hosts": ["node0"], "instances": 1}}, "x-0": routed()["llama"]},
    # Ports.
    server(tp_size=1, port=65500),
    server(tp_size=8, dist_init_port=65530),
    server(tp_size=8, port=80),
    server(tp_size=8, port="08998"),
    server(tp_size=8, port=None),
    server(tp_size=8, host="127.0.0.1"),
    server(tp_size=8, host="not an address"),
    server(tp_size=8, listeners=["otlp"]),
    server(tp_size=8, listeners={"OTLP": {"port": 4317}}),
    server(tp_size=8, listeners={"otlp": 4317}),
    server(tp_size=8, listeners={"otlp": {"port": 70000}}),
    server(tp_size=8, listeners={"otlp": {"port": 4317, "from": 7}}),
    server(tp_size=8, listeners={"otlp": {"port": 4317, "from": "nobodies"}}),
    server(tp_size=4, server_args={"kv-events-config": {"publisher": "zmq"}}),
    server(tp_size=8, moe_a2a_backend="nixl", env={"SGLANG_TCP_STORE_PORT": "none"}),
    server(tp_size=8, env={"SGLANG_GRPC_PORT": "31000"}),
    body(server_args={}),
    pd(prefill={"port": 15500}),
    server(tp_size=8, port=40000),
    server(tp_size=8, extra_ports={"grpc-port": 40000}),
    args(**{"smg-grpc-mode": True}),
    two({"tp_size": 4, "port": 30000, "instances": 1}, {"tp_size": 4, "port": 30000, "instances": 1}),
    server(tp_size=4, dist_init_port=20000, port=20003),
    server(tp_size=8, extra_ports={"grpc-port": 20050}),
    routed(prometheus_port=8000),
    routed(host="localhost"),
    # Options.
    args(port=1234),
    args(**{"--node_rank": 1}),
    args(tensor_parallel_size=2),
    args(**{"api-k": "secret"}),
    args(disaggregation=1),
    args(**{"mem-fraction-statik": 0.8}),
    args(xyzzy=1),
    args(mem_fraction_static="a lot"),
    args(mem_fraction_static=True),
    args(mem_fraction_static=[0.8]),
    args(max_running_requests=1.5),
    args(enable_metrics="yes"),
    args(cuda_graph_bs_decode="1 2 4"),
    args(cuda_graph_bs_decode=True),
    args(custom_weight_loader=["--port=1"]),
    args(log_level=None),
    args(**{"context-length": 8192.0}),
    args(**{"mem-fraction-static": 85}),
    args(**{"json-model-override-args": "{not json"}),
    args(**{"json-model-override-args": {"when": date(2026, 1, 1)}}),
    args(**{"lora-paths": [{"a": "b"}]}),
    args(**{"ssl-certfile": "/c.pem"}),
    args(**{"ssl-keyfile-password": "x"}),
    args(**{"encoder-only": True}),
    body(model="--api-key=x"),
    server(env={"SGLANG_DISTRIBUTED_INIT_METHOD_OVERRIDE": "tcp://10.0.0.1:1"}),
    server(env={"NCCL_DEBUG": "INFO\x1b"}),
    server(env={"CUDA_VERSION": 2.10}),
    pd(prefill={"disaggregation_ib_device": ["mlx5_0", ""]}),
    pd(prefill={"disaggregation_ib_device": {"gpu0": "mlx5_0"}}),
    args(log_level="a\rb"),
    args(tokenizer_mode="slwo"),
    args(tokenizer_mode="fastest"),
    {"llama": {"model": "/m", "server": {"hosts": "nodes", "server_args": {"tp_": 1, "log-level": "a"}}}},
    args(**{"log-level": "info", "log_level": "debug"}),
    # Environment.
    server(env="NCCL_DEBUG=INFO"),
    server(env={"NCCL-DEBUG": "INFO"}),
    server(env={"NCCL_DEBUG": ""}),
    server(env={"NCCL_DEBUG": "a\nb"}),
    server(env={"NCCL_DEBUG": ["INFO"]}),
    server(env={"NCCL_IB_DISABLE": False}),
    server(env={"SGLANG_HOST_IP": "10.0.0.1"}),
    server(env={"CUDA_VISIBLE_DEVICES": "4,5,6,7"}),
    # Prefill and decode.
    pd(decode={"bootstrap_port": 9000}),
    pd(prefill={"disaggregation_transfer_backend": "mooncake", "disaggregation_ib_device": "mlx5_0"}),
    both(disaggregation_transfer_backend="fake"),
    both(disaggregation_transfer_backend="rdma"),
    both(disaggregation_transfer_backend="mooncake"),
    both(disaggregation_ib_device="mlx5_0"),
    both(disaggregation_transfer_backend="nixl"),
    both(disaggregation_transfer_backend="nixl", disaggregation_ib_device="mlx5_0", env={"UCX_NET_DEVICES": "all"}),
    pd(prefill={"server_args": {"disaggregation_decode_extra_slots": 4}}),
    pd(prefill={"host": "127.0.0.1"}),
    pd(prefill={"bootstrap_port": 9000, "env": {"SGLANG_RUST_SERVER": "1"}}),
    pd(prefill={"bootstrap_port": 30000}),
    {"pd": {key: value for key, value in pd()["pd"].items() if key != "router"}},
    # Routers.
    body(router="routers"),
    routed(hosts="routers"),
    routed(host=""),
    routed(polici="random"),
    routed(policy="fastest"),
    routed(pref=["http://x"]),
    routed(**{"worker-urls": ["http://x"]}),
    routed(api_key="x"),
    routed(**{"control-plane-api-keys": ["x"]}),
    routed(**{"mini-lb": True}),
    routed(**{"prefill-policy": "random"}),
    routed(**{"tls-cert-path": "/c"}),
    routed(**{"cb-failure-threshold": 10}),
]
HOSTS: list[dict[str, Any]] = [
    {"sglang_cluster_address": "127.0.0.1"},
    {"sglang_cluster_address": "gpu1"},
    {"sglang_cluster_address": "10.0.0.10"},
    {"ansible_host": "gpu1.example"},
    {"sglang_gpus_per_node": "8"},
    {"sglang_gpus_per_node": -1},
    {"sglang_gpus_per_node": 0},
    {"sglang_gpus": []},
    {"sglang_gpus": "4,5,6,7"},
    {"sglang_gpus": [4, "5"]},
    {"sglang_gpus": [4, "MIG-5"]},
    {"sglang_gpus": [4, 5, 4]},
    {"sglang_gpus": [f"MIG-{number}" for number in range(8)]},
    {"sglang_gpus": [f"GPU-{number}" for number in range(8)]},
    {"sglang_cluster_interface": "eth0 eth1"},
    {"sglang_ib_device": [7]},
    {"sglang_rank_order": [1]},
    {"sglang_host_env": {"NCCL_IB_HCA": ""}},
    {"sglang_host_env": {"SGLANG_RUST_SERVER": "1"}},
]
SETTINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (body(), {"version": "0.5.x"}),
    (body(), {"version": "0.6.0"}),
    (body(), {"version": "0.5.5"}),
    (args(**{"disaggregation-decode-enable-radix-cache": True}), {"version": "0.5.10"}),
    (args(**{"enable-expert-distribution-metrics": True}), {"version": "0.5.18"}),
    (args(**{"kv-cache-dtype": "mxfp4"}), {"version": "0.5.6"}),
    (pd(), {"version": "0.5.10"}),
    (pd(prefill={"env": {"SGLANG_RUST_SERVER": "1"}}), {"version": "0.5.22"}),
    (both(disaggregation_transfer_backend="nixl", disaggregation_ib_device="mlx5_0"), {"version": "0.5.22"}),
    (body(), {"router_package": "nginx"}),
    (body(), {"router_version": "latest"}),
    (routed(**{"new-thing": 3}), {"router_version": "0.4.0"}),
    (body(), {"ephemeral_ports": "1-2,3-4"}),
    (body(), {"ephemeral_ports": "a-b"}),
    (body(), {"ephemeral_ports": "60999-32768"}),
    (body(), {"ephemeral_ports": "32768-70000"}),
    (body(), {"reserved_ports": 40000}),
    (body(), {"reserved_ports": "1-70000"}),
    (body(), {"env": ["NCCL_DEBUG=INFO"]}),
    # Models.
    (body(), {"models_root": "data"}),
    (body(), {"models_release": "newest"}),
    (body(), {"models": ["llama"]}),
    (body(), {"models": {"a/b": {"source": "/m"}}}),
    (body(), {"models": {"llama": "/m"}}),
    (body(), model(sauce=1)),
    (body(), model(sha=1)),
    (body(), model(source=None)),
    (body(), model(source="/")),
    (body(), model(source="models")),
    (body(), model(expected="sha256:1")),
    (body(), model(release="yesterday")),
    (body(), model(keep=0)),
    (body(), model(copy="no")),
    (body(), model(exact="yes")),
    (body(), model(copy=False, expected=DIGEST)),
    (body(), model(copy=False, release="previous")),
    (body(), model(copy=False, exact=True)),
    (body(), model(hosts=3)),
    (body(), model(hosts="node_s")),
    (body(), nfs(path="/mnt/model")),
    (body(), nfs(server="nfs1;reboot")),
    (body(), nfs(options=["ro defaults"])),
    (body(), nfs(port="nfs")),
    (body(), nfs(port=70000)),
    (body(), nfs(uid=1)),
    (
        body(),
        {
            "models": {
                name: {"source": f"/mnt/{name}", "nfs": {"server": name, "export": "/export", "path": "/mnt"}}
                for name in ("llama", "qwen")
            }
        },
    ),
    (body(model="lama"), model()),
    (body(model="llama"), {**model(), "models_port": 40000}),
    (body(model="llama"), {**model(), "models_port": 30000}),
    (
        server(server_args={"weight-version": "v1"})
        | {"llama": {**args(weight_version="v1")["llama"], "model": "llama"}},
        model(),
    ),
]


def disagreements() -> Iterator[Callable[[], Any]]:
    """Return what to try with the variables of hosts."""
    names = {
        "deployments": "sglang_deployments",
        "env": "sglang_env",
        "sglang_version": "sglang_version",
        "models_port": "sglang_models_port",
    }
    given = dict.fromkeys(OPTIONS, "") | {"deployments": None, "sglang_version": None, "models_port": 1}
    common = {"sglang_deployments": body(), "sglang_env": {"NCCL_DEBUG": "WARN"}, "sglang_version": "0.5.23"}

    def fails(value: Any) -> Any:
        raise AnsibleUndefinedVariable(f"{value} is undefined")

    def attempt(base: dict[str, Any], read: dict[str, str] = names, **hosts: dict[str, Any]) -> Any:
        where = inventory()
        views = {host: HostVariables(host, base | hosts.get(host, {}), fails) for host in where.groups["all"]}
        return settled(given, read, replace(where, variables=views.__getitem__))

    yield lambda: attempt({})
    yield lambda: attempt({"sglang_deployments": body()})
    yield lambda: attempt(common, {**names, "model": "sglang_models"})
    yield lambda: attempt(common, {**names, "only": "sglang_plan_only"})
    yield lambda: attempt(common, node1={"sglang_env": {"NCCL_DEBUG": "INFO"}})
    yield lambda: attempt(common, node1={"sglang_env": {"NCCL_DEBUG": "WARN", "HF_TOKEN": "x"}})
    yield lambda: attempt(common, node1={"sglang_env": {"A": "1", "B": {}}})
    yield lambda: attempt(common, node1={"sglang_version": "0.5.22"})
    yield lambda: attempt(common, node1={"sglang_deployments": body(model="/n")})
    yield lambda: attempt(common, node1={"sglang_env": "{{ nope }}"})
    yield lambda: attempt(common, node1={"sglang_env": "{{ ansible_facts['ib0'] }}"})
    yield lambda: attempt(common | {"sglang_version": 0.5})
    yield lambda: attempt(common | {"sglang_models_port": "x"})


def attempts() -> Iterator[Callable[[], Any]]:
    """Return what to try, in the order of the sentences."""
    for raw in DEPLOYMENTS:
        yield lambda raw=raw: typed(raw)
    for variables in HOSTS:
        yield lambda variables=variables: typed(body(), inventory(node1=variables))
    nearest = pd({"tp_size": 1, **NEAREST}, {"tp_size": 1, **NEAREST})
    yield lambda: typed(nearest, inventory(node1={"sglang_gpus": ["GPU-1"]}))
    order = {"node1": {"sglang_rank_order": 1}, "node2": {"sglang_rank_order": "last"}}
    yield lambda: typed(body(), inventory(**order))
    for raw, settings in SETTINGS:
        yield lambda raw=raw, settings=settings: typed(raw, **settings)
    ipv6 = inventory(node1={"sglang_cluster_address": "fd00::1"})
    yield lambda: typed(server(tp_size=8, host="0.0.0.0"), ipv6)
    yield lambda: typed(server(nnodes=2, tp_size=16), ipv6)
    yield from disagreements()
    yield lambda: parse_only("lama", typed(body()))
    yield lambda: parse_only("qwen", typed(body()))
    yield lambda: check_removed("gpu01,gpu2", {"all": ["gpu01", "gpu02"]})
    yield lambda: check_removed(["old"], {"all": ["gpu01", "gpu02"]})
    yield lambda: check_whole_instances(typed(server(nnodes=2, tp_size=16)), ["node0", "node1", "node2"])


def sentences() -> list[str]:
    """Return every sentence once: the refusals of a plan, or its warnings."""
    found: dict[str, None] = {}
    for attempt in attempts():
        try:
            said = attempt().warnings
        except PlanError as error:
            said = error.sentences
        assert said, "an input is neither refused nor warned about"
        found |= dict.fromkeys(said)
    return list(found)
