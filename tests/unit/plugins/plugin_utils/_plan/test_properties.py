# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every plan, whatever the inventory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import parse
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import PlanError
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.placement import check_shape
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.schema import Group
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.versions import NEWEST
from hypothesis import given
from hypothesis import strategies as st

from .conftest import inventory, plan

HOSTS = st.integers(3, 9)


def starts(total: int, pp_size: int, nnodes: int) -> bool:
    """Tell whether SGLang starts every rank of all pipeline stages once: engine.py, _calculate_rank_ranges."""
    tp_size, stages = total // pp_size, max(pp_size // nnodes, 1)
    sharing = max(nnodes // pp_size, 1)
    ranks = tp_size // sharing
    started = [
        (stage, rank)
        for node in range(nnodes)
        for stage in range(stages * (node // sharing), stages * (node // sharing + 1))
        for rank in range(ranks * (node % sharing), ranks * (node % sharing + 1))
    ]
    return total % pp_size == 0 and sorted(started) == [(pp, tp) for pp in range(pp_size) for tp in range(tp_size)]


@pytest.mark.parametrize("nnodes", range(1, 9))
def test_exactly_the_shapes_of_which_sglang_starts_every_rank_are_planned(nnodes: int) -> None:
    for pp_size in range(1, 9):
        for tp_size in range(1, 33):
            shape = Group("d", "server", "nodes", nnodes=nnodes, tp_size=tp_size, pp_size=pp_size)
            if starts(tp_size * pp_size, pp_size, nnodes):
                check_shape(shape, NEWEST)
                continue
            with pytest.raises(PlanError, match=r"do not divide over nnodes|do not split over nnodes"):
                check_shape(shape, NEWEST)


@st.composite
def group(draw: st.DrawFn, instances: st.SearchStrategy[int | None]) -> dict[str, Any]:
    """A group of one to three hosts an instance, and one to four GPUs on each of them."""
    nnodes, gpus = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    pp_size = draw(st.sampled_from([size for size in (1, 2, 3, 4, 6) if starts(nnodes * gpus, size, nnodes)]))
    tp_size = nnodes * gpus // pp_size
    attn_dp_size = draw(st.sampled_from([size for size in (1, 2, 4) if tp_size % size == 0]))
    body = {"hosts": "nodes", "nnodes": nnodes, "tp_size": tp_size, "pp_size": pp_size, "attn_dp_size": attn_dp_size}
    count = draw(instances)
    return body if count is None else {**body, "instances": count}


@st.composite
def deployments(draw: st.DrawFn) -> dict[str, Any]:
    """One to three deployments, plain or prefill-decode, that share the hosts."""
    out: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 3))):
        roles = draw(st.sampled_from([("server",), ("prefill", "decode")]))
        out[f"d{number}"] = {"model": f"/models/{number}", **{role: draw(group(st.integers(1, 4))) for role in roles}}
        for role in set(roles) - {"server"}:
            out[f"d{number}"][role]["disaggregation_transfer_backend"] = "mooncake_tcp"
        if draw(st.booleans()):
            out[f"d{number}"]["router"] = {"hosts": "first"}
    return out


def planned(raw: dict[str, Any], hosts: int) -> dict[str, Any]:
    """Plan on hosts with room for everything that is drawn."""
    return plan(raw, inventory(hosts, gpus=128))


@given(deployments(), HOSTS)
def test_ports_of_a_host_are_disjoint_and_in_range(raw: dict[str, Any], hosts: int) -> None:
    for entry in planned(raw, hosts)["hosts"].values():
        taken: set[int] = set()
        for unit in (*entry["units"], *entry["routers"]):
            for text in unit["ports"].values():
                for first, last in parse(text):
                    span = set(range(first, last + 1))
                    assert 1024 <= first <= last <= 65535
                    assert not span & taken
                    taken |= span
        assert taken == {port for first, last in parse(entry["reserved_ports"]) for port in range(first, last + 1)}


@given(deployments(), HOSTS)
def test_the_same_input_gives_the_same_bytes(raw: dict[str, Any], hosts: int) -> None:
    assert json.dumps(planned(raw, hosts)) == json.dumps(planned(raw, hosts))


@given(deployments(), HOSTS, HOSTS)
def test_more_hosts_change_no_ports(raw: dict[str, Any], hosts: int, more: int) -> None:
    before, after = planned(raw, hosts), planned(raw, hosts + more)
    for name, entry in before["hosts"].items():
        for kind in ("units", "routers"):
            kept = {unit["name"]: unit["ports"] for unit in after["hosts"][name][kind]}
            assert {unit["name"]: unit["ports"] for unit in entry[kind]} == kept


@given(deployments(), HOSTS)
def test_every_rank_once_and_gpus_shared_by_nobody(raw: dict[str, Any], hosts: int) -> None:
    result = planned(raw, hosts)
    ranks: dict[str, list[int]] = {}
    for entry in result["hosts"].values():
        gpus = [gpu for unit in entry["units"] for gpu in unit["gpus"]]
        assert len(gpus) == len(set(gpus))
        assert all(0 <= gpu < 128 for gpu in gpus)
        for unit in entry["units"]:
            ranks.setdefault(unit["instance"], []).append(unit["rank"])
    for deployment in result["deployments"].values():
        for instance in deployment["instances"]:
            assert sorted(ranks[instance["instance"]]) == list(range(instance["nnodes"]))


@given(group(st.none()), st.integers(1, 12))
def test_as_many_as_fit_fills_every_host(body: dict[str, Any], hosts: int) -> None:
    raw = {"full": {"model": "/m", "server": body}}
    each = body["tp_size"] * body["pp_size"] // body["nnodes"]
    if hosts % body["nnodes"]:
        with pytest.raises(PlanError, match="are not a multiple of nnodes"):
            plan(raw, inventory(hosts))
        return
    for entry in plan(raw, inventory(hosts))["hosts"].values():
        assert len(entry["units"]) == 8 // each
