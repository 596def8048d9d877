# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments that name an entry of sglang_models."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import PlanError
from hypothesis import given
from hypothesis import strategies as st

from .conftest import plan, server

MODELS = {"llama": {"source": "/mnt/models/llama"}, "qwen": {"source": "/mnt/models/qwen", "copy": False}}
LINK, PREFETCH = "/data/models/llama/current", "--weight-loader-prefetch-checkpoints"


def planned(model: str, version: str = "0.5.23", root: str = "/data/models", **group: Any) -> dict[str, Any]:
    """Plan one deployment of a model."""
    deployments = server(**group)
    deployments["llama"]["model"] = model
    return plan(deployments, version=version, models=MODELS, models_root=root)


def command(*words: Any, **options: Any) -> list[str]:
    """Return the command of the first unit."""
    return list(planned(*words, **options)["hosts"]["node0"]["units"][0]["argv"])


def test_a_name_is_served_from_its_release_under_that_name() -> None:
    entry = planned("llama")["deployments"]["llama"]
    assert (entry["model"], entry["served_model"]) == (LINK, "llama")
    assert command("llama")[2:6] == ["--model-path", LINK, "--served-model-name", "llama"]
    assert command("llama", root="/raid/")[3] == "/raid/llama/current"


def test_the_name_in_the_api_may_be_another() -> None:
    deployments = server()
    deployments["llama"] |= {"model": "llama", "served_model_name": "gpt"}
    found = plan(deployments, models=MODELS)
    assert found["deployments"]["llama"]["served_model"] == "gpt"
    assert found["hosts"]["node0"]["units"][0]["argv"][4:6] == ["--served-model-name", "gpt"]


@pytest.mark.parametrize("model", [LINK, "/models/llama", "meta-llama/Llama-3.1-8B", "gpt2"])
def test_anything_else_stays_as_it_is_written(model: str) -> None:
    assert command(model)[2:4] == ["--model-path", model]
    assert "--served-model-name" not in command(model)
    assert planned(model)["warnings"] == []


def test_a_name_that_is_nearly_right_gets_a_warning() -> None:
    (warning,) = planned("lama")["warnings"]
    assert warning == "deployments.llama.model: 'lama' is not in sglang_models; did you mean llama?"


@pytest.mark.parametrize("model", ["llama", LINK])
@pytest.mark.parametrize("option", ["weight-version", "weight_version", "weight-vers"])
def test_the_release_tells_the_version_of_the_weights_and_nobody_else(model: str, option: str) -> None:
    with pytest.raises(
        PlanError,
        match=rf"server_args.{option}: --weight-version is owned by the plan; remove it, because each host sets it",
    ):
        planned(model, server_args={option: "v1"})


@pytest.mark.parametrize("model", ["qwen", "/models/llama"])
def test_where_there_is_no_release_the_user_may_tell_the_version(model: str) -> None:
    assert command(model, server_args={"weight-version": "v1"})[-2:] == ["--weight-version", "v1"]


@pytest.mark.parametrize("model", ["qwen", "/mnt/models/qwen"])
def test_what_is_served_over_the_network_is_read_ahead(model: str) -> None:
    assert command(model)[3] == "/mnt/models/qwen"
    assert PREFETCH in command(model)
    assert PREFETCH not in command(model, version="0.5.10")
    assert PREFETCH not in command("llama")


@pytest.mark.parametrize(
    "args",
    [
        {"weight_loader_prefetch_checkpoints": False},
        {"load-format": "runai_streamer"},
        {"weight-loader-disable-mmap": True},
    ],
)
def test_unless_the_user_says_how_it_is_loaded(args: dict[str, Any]) -> None:
    assert PREFETCH not in command("qwen", server_args=args)


@given(st.lists(st.sampled_from([*MODELS, LINK, "/mnt/models/qwen", "/models/other"]), min_size=1, max_size=4))
def test_every_host_gets_the_models_that_its_units_serve_and_no_other(served: list[str]) -> None:
    deployments = {
        f"d{number}": {"model": model, "server": {"hosts": [f"node{number}"]}} for number, model in enumerate(served)
    }
    found = plan(deployments, models=MODELS)["hosts"]
    for number, text in enumerate(served):
        names = [release["name"] for release in found[f"node{number}"]["releases"]]
        assert names == (["llama"] if text in ("llama", LINK) else [])
