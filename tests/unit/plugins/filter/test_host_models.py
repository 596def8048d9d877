# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters around sglang_models."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.multinode.sglang.plugins.filter.host_models import host_models
from ansible_collections.multinode.sglang.plugins.filter.model_hosts import model_hosts

PLAN = {
    "models_root": "/data/models",
    "hosts": {"node1": {"units": [{"model": "/data/models/llama/current"}]}, "head": {"units": []}},
}
MODELS = {"llama": {"source": "/mnt/llama", "hosts": ["stores", "head"]}}
GROUPS = {"stores": ["store1", "node1"]}


def here(models: Any, host: str = "node1") -> dict[str, Any]:
    """Return what a host needs."""
    return host_models(
        models,
        host=host,
        plan=PLAN,
        groups=GROUPS,
        root="/data/models/",
        port=21500,
        address="10.0.0.1",
        release="previous",
    )


def test_a_host_gets_its_releases() -> None:
    (release,) = here(MODELS)["releases"]
    assert release["store"] == "/data/models/llama"
    assert release["release"] == "previous"
    assert here(MODELS)["mounts"] == []
    assert here({}) == {"releases": [], "mounts": []}


def test_a_host_with_another_root_than_the_plan_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="node1 has /raid and the plan /data/models"):
        host_models(MODELS, host="node1", plan=PLAN, groups=GROUPS, root="/raid/", port=21500, address="10.0.0.1")


def test_a_port_of_a_server_is_refused() -> None:
    unit = {
        "name": "sglang-llama-0",
        "model": "/data/models/llama/current",
        "ports": {"api": "30000", "dp_attention": "21499-21505"},
    }
    plan = {"models_root": "/data/models", "hosts": {"node1": {"units": [unit]}}}
    with pytest.raises(
        AnsibleFilterError, match="llama would be copied over port 21500 of node1, which sglang-llama-0 has"
    ):
        host_models(MODELS, host="node1", plan=plan, groups=GROUPS, root="/data/models", port=21500, address="10.0.0.1")


def test_a_refusal_is_a_sentence() -> None:
    with pytest.raises(AnsibleFilterError, match="it must be an absolute path"):
        here({"llama": {"source": "x"}})
    with pytest.raises(AnsibleFilterError, match="it must be an absolute path"):
        hosts({"llama": {"source": "x"}})


def hosts(models: Any) -> list[str]:
    """Return the hosts of a play for models."""
    return model_hosts(
        {"head": {"groups": GROUPS}, "node1": {"sglang_plan_result": PLAN, "sglang_models": models, "groups": GROUPS}}
    )


def test_the_play_is_for_the_hosts_with_servers_and_those_that_are_named_each_once() -> None:
    assert hosts(MODELS) == ["node1", "store1", "head"]


def test_without_models_or_a_plan_there_is_nobody() -> None:
    assert hosts({}) == []
    assert model_hosts({"node1": {}}) == []
