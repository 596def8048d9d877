# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a plan is refused; the sentences themselves are in sentences.txt."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import Inventory, PlanError

from .conftest import inventory, plan, server


def test_all_reasons_are_given_at_once() -> None:
    deployments = {
        "a": {"model": "/m", "server": {"hosts": "nodes", "tp_size": "x"}},
        "b": {"model": "/m", "server": {"hosts": "nowhere"}},
    }
    with pytest.raises(PlanError) as caught:
        plan(deployments)
    assert len(caught.value.sentences) == 2


@pytest.mark.parametrize("option", ["--node_rank", "tensor_parallel_size", "dist-in", "nccl-init-addr", "nno", "tp"])
def test_an_owned_option_is_refused_in_every_spelling(option: str) -> None:
    with pytest.raises(PlanError, match="is owned by the plan"):
        plan(server(server_args={option: 1}))


def test_the_same_collision_on_many_hosts_is_one_sentence() -> None:
    with pytest.raises(PlanError) as caught:
        plan(server(tp_size=8, port=20003, dist_init_port=20000), inventory(40))
    (sentence,) = caught.value.sentences
    assert sentence.startswith("hosts node0, node1, node2, node3, node4, node5, node6, node7 and 32 more: llama-0 (")


def test_no_variables_are_read_of_hosts_that_are_not_in_the_plan() -> None:
    known = inventory()

    def variables(host: str) -> Any:
        assert host != "node3"
        return known.variables(host)

    plan({"a": {"model": "/m", "server": {"hosts": "first", "tp_size": 8}}}, Inventory(known.groups, variables))


def test_a_range_of_one_port_is_a_range() -> None:
    assert plan(server(tp_size=8), ephemeral_ports="32768")["ephemeral_ports"] == "32768"
