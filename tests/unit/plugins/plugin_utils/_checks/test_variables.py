# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A misspelt variable is named with the one that was meant; variables of other people are left alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks.variables import known, unknown

REPO = Path(__file__).parents[5]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("sglang_verson", "sglang_version"),
        ("node_firewal_manage", "node_firewall_manage"),
        ("model_weight_manage", "model_weights_manage"),
        ("preflight_fial", "preflight_fail"),
        ("sglang_gpu_per_node", "sglang_gpus_per_node"),
        ("deploy_lock_minute", "deploy_lock_minutes"),
    ],
)
def test_the_nearest_name_is_suggested(name: str, meant: str) -> None:
    (sentence,) = unknown({name: "gpu01"})
    assert sentence == f"host gpu01: {name}: there is no such variable; did you mean {meant}?"


def test_a_name_like_no_other_with_our_prefix_is_named() -> None:
    assert unknown({"sglang_zzzzzzzzzzzz": "gpu01"}) == [
        "host gpu01: sglang_zzzzzzzzzzzz: there is no such variable; correct the name, or give your own variables "
        "another prefix"
    ]


@pytest.mark.parametrize("name", ["nccl_socket_ifname", "rdma_vlan", "node_id", "model", "ansible_host", "deploy_user"])
def test_other_variables_are_left_alone(name: str) -> None:
    assert unknown({name: "gpu01"}) == []


def test_every_variable_of_a_role_is_known() -> None:
    assert unknown(dict.fromkeys(known(), "gpu01")) == []
    assert {"sglang_deployments", "node_firewall_manage", "sglang_host_env", "sglang_plan_result"} <= known()


def texts(*patterns: str) -> str:
    """Return the text of some files of the repository."""
    return "\n".join(path.read_text(encoding="utf-8") for pattern in patterns for path in REPO.glob(pattern))


def test_what_roles_register_is_known() -> None:
    registered = set(re.findall(r"register: ([a-z]\w+)", texts("roles/*/tasks/*.yml")))
    assert len(registered) > 10
    assert registered <= known()


def test_what_the_plan_reads_on_hosts_is_known() -> None:
    read = set(re.findall(r'"(sglang_[a-z_]+)"', texts("plugins/plugin_utils/_plan/*.py")))
    assert "sglang_gpus_per_node" in read
    assert read - {"sglang_router"} <= known()
