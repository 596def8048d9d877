# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example inventories plan what SGLang's own multi-node page types by hand, and AReaL's issue 652 cannot happen."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import Inventory
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.options import load_table
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.programs import SGLANG

from .plugins.plugin_utils._plan.conftest import plan

INVENTORIES = Path(__file__).parents[2] / "inventories"

# The commands of SGLang's multi-node page, node 1 unless said otherwise, as its users know them.
TWO_NODE_TP = """python3 -m sglang.launch_server --model-path meta-llama/Meta-Llama-3.1-405B-Instruct --tp 16
 --dist-init-addr 172.16.4.52:20000 --nnodes 2 --node-rank 1"""
FOUR_NODE_405B = """python3 -m sglang.launch_server --model-path meta-llama/Meta-Llama-3.1-405B-Instruct --tp 32
 --dist-init-addr 172.16.4.52:20000 --nnodes 4 --node-rank 1"""
DEEPSEEK_V3_EP = """python3 -m sglang.launch_server --model-path deepseek-ai/DeepSeek-V3 --tp 16 --ep 16
 --dist-init-addr 172.16.4.52:20000 --nnodes 2 --node-rank 1 --moe-a2a-backend deepep --enable-dp-attention
 --enable-dp-lm-head --dp-size 16"""
PD_PREFILL = """python3 -m sglang.launch_server --model-path deepseek-ai/DeepSeek-R1 --disaggregation-mode prefill
 --tp 16 --dp-size 16 --dist-init-addr 172.16.4.52:20000 --nnodes 2 --node-rank 1
 --chunked-prefill-size 524288 --max-prefill-tokens 32768
 --disable-radix-cache --disaggregation-ib-device mlx5_bond_0,mlx5_bond_1,mlx5_bond_2,mlx5_bond_3"""
PD_DECODE = """python3 -m sglang.launch_server --model-path deepseek-ai/DeepSeek-R1 --disaggregation-mode decode --tp 16
 --dp-size 16 --dist-init-addr 172.16.5.52:20000 --nnodes 2 --node-rank 0
 --cuda-graph-max-bs-decode 64 --max-running-requests 2048
 --disaggregation-ib-device mlx5_bond_0,mlx5_bond_1,mlx5_bond_2,mlx5_bond_3 --port 30001"""
PD_ROUTER = """python -m sglang_router.launch_router --pd-disaggregation --prefill http://172.16.4.52:30000
 --decode http://172.16.5.52:30001 --host 0.0.0.0 --port 8000"""
# What the plan adds to them: always an address to listen on, and no port left to chance.
ADDED = {"host": "0.0.0.0", "port": "30000", "nccl-port": "20050"}


def load(name: str, version: str = "0.5.23", more: dict[str, Any] | None = None) -> dict[str, Any]:
    """Plan an example inventory with Ansible's own loader; more overrides variables of the group all."""
    loader = DataLoader()
    manager = InventoryManager(loader=loader, sources=[str(INVENTORIES / name)])
    variables = VariableManager(loader=loader, inventory=manager)
    groups = {group: [str(host) for host in hosts] for group, hosts in manager.get_groups_dict().items()}

    def of_host(host: str) -> dict[str, Any]:
        raw = {
            **variables.get_vars(host=manager.get_host(host), include_hostvars=False),
            "inventory_dir": str(INVENTORIES / name),
        }
        wanted = {key: value for key, value in raw.items() if key.startswith(("sglang_", "ansible_host"))}
        return dict(Templar(loader=loader, variables=raw).template(wanted))

    inventory = Inventory(groups, of_host)
    everywhere = {**inventory.variables(groups["all"][0]), **(more or {})}
    return plan(everywhere["sglang_deployments"], inventory, version, env=everywhere.get("sglang_env", {}))


def options(words: list[str]) -> dict[str, str]:
    """Read the words after launch_server into a mapping of full option names to values."""
    table, out, rest = load_table(SGLANG), {}, words[words.index("sglang.launch_server") + 1 :]
    for word, after in zip(rest, [*rest[1:], "--"], strict=True):
        if word.startswith("--"):
            option = table.find(word, word)
            assert option is not None
            out[option.name] = "" if after.startswith("--") else after
    return out


def rank(planned: dict[str, Any], number: int, role: str = "server") -> list[str]:
    """Return the command of a rank of the first instance of a role."""
    units = [
        unit
        for host in planned["hosts"].values()
        for unit in host["units"]
        if (unit["rank"], unit["role"]) == (number, role)
    ]
    return units[0]["argv"]


@pytest.mark.parametrize(
    ("name", "version", "documented"),
    [
        ("two_node_tp", "0.5.23", TWO_NODE_TP),
        ("four_node_405b", "0.5.23", FOUR_NODE_405B),
        ("deepseek_v3_ep", "0.5.21", DEEPSEEK_V3_EP),
    ],
)
def test_the_plan_types_the_documented_command(name: str, version: str, documented: str) -> None:
    planned, by_hand = options(rank(load(name, version), 1)), options(shlex.split(documented))
    assert planned == {**by_hand, **ADDED}


def test_the_plan_types_the_documented_prefill_and_decode() -> None:
    planned = load("pd_disaggregation")
    for role, number, documented, added in (
        ("prefill", 1, PD_PREFILL, {"disaggregation-bootstrap-port": "8998"}),
        ("decode", 0, PD_DECODE, {}),
    ):
        by_hand = options(shlex.split(documented))
        # SGLang 0.5.23 refuses replicas over two nodes and takes them as attention DP.
        # It also has no --cuda-graph-max-bs any more.
        by_hand["attn-dp-size"] = by_hand.pop("dp-size")
        assert options(rank(planned, number, role)) == {**ADDED, **by_hand, **added}


def test_the_plan_types_the_documented_router() -> None:
    (router,) = load("pd_disaggregation")["hosts"]["router0"]["routers"]
    by_hand = shlex.split(PD_ROUTER)[1:]
    by_hand.insert(by_hand.index("--decode"), "8998")
    assert sorted(router["argv"]) == sorted([*by_hand, "--prometheus-port", "29000", "--cb-failure-threshold", "4"])


def test_attention_dp_is_spelled_as_the_newer_release_wants_it() -> None:
    old, new = (options(rank(load("deepseek_v3_ep", version), 0)) for version in ("0.5.21", "0.5.23"))
    assert (old.pop("dp-size"), old.pop("enable-dp-attention"), new.pop("attn-dp-size")) == ("16", "", "16")
    assert old == new


@pytest.mark.parametrize("servers", [12, 16])
def test_many_small_servers_over_two_hosts(servers: int) -> None:
    deployment = {"rollout": {"model": "/m", "server": {"hosts": "rollout_nodes", "tp_size": 1, "instances": servers}}}
    planned = load("many_small_servers", more={"sglang_deployments": deployment})
    counts = [len(planned["hosts"][host]["units"]) for host in ("node0", "node1")]
    assert counts == [8, servers - 8]
    ports = [[unit["ports"] for unit in planned["hosts"][host]["units"]] for host in ("node0", "node1")]
    assert ports[1] == ports[0][: servers - 8]
    assert max(unit["api_port"] for host in planned["hosts"].values() for unit in host["units"]) == 30448


def test_the_shipped_inventory_is_the_twelve_servers_of_the_report() -> None:
    planned = load("many_small_servers")
    assert [len(planned["hosts"][host]["units"]) for host in ("node0", "node1")] == [8, 4]


def test_no_port_depends_on_a_global_index() -> None:
    names = [f"node{number}" for number in range(32)]
    variables = {name: {"ansible_host": f"172.16.4.{number + 1}"} for number, name in enumerate(names)}
    deployment = {"rollout": {"model": "/m", "server": {"hosts": "all", "tp_size": 1}}}
    planned = plan(deployment, Inventory({"all": names}, variables.__getitem__))
    assert sum(len(host["units"]) for host in planned["hosts"].values()) == 256
    every_host = [[unit["ports"] for unit in host["units"]] for host in planned["hosts"].values()]
    assert all(ports == every_host[0] for ports in every_host)


@pytest.mark.parametrize("name", sorted(path.name for path in INVENTORIES.iterdir() if path.is_dir()))
def test_every_inventory_plans(name: str) -> None:
    planned = load(name)
    assert planned["hosts"]
    assert not planned["warnings"]
