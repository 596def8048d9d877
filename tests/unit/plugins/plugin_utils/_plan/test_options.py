# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of SGLang by release, their values, and what the plan leaves to the parser of the installed release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.errors import PlanError
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.options import read_args
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.programs import SGLANG
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.tables import Known, load_history, load_table
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.versions import by_age, parse_version, spell

from .conftest import inventory, plan, server

# What the parsers of three releases say to every option, as tests/tools/option_tables.py --verdicts recorded it.
VERDICTS: dict[str, Any] = json.loads(Path(__file__).with_name("verdicts.json").read_text(encoding="utf-8"))
EXAMPLES = {"int": 1, "float": 0.5, "size": 1, "json": {}, "str": "x", "lora": "x"}


def example(option: Known) -> Any:
    """Return a value that an option takes."""
    if option.kind in ("flag", "boolean", "optional"):
        return True
    value = option.choices[0] if option.choices else EXAMPLES[option.type]
    return [value] if option.kind == "list" else value


def reserved() -> set[str]:
    """Return options that the plan refuses for reasons of its own, and one for which {} says too little."""
    own = {*SGLANG.owned, *SGLANG.refused}
    rows = [row for row in load_history(SGLANG).options if own & {*row.spellings}]
    return {"cuda-graph-config", *(row.name for row in rows)}


def accepts(name: str, release: str) -> bool:
    """Tell whether the plan accepts an option."""
    version = parse_version(release, "sglang_version")
    newest = [row for row in load_history(SGLANG).options if row.name == name][-1]
    known = load_table(SGLANG, version).by_spelling.get(name, newest)
    try:
        read_args(SGLANG, {name: example(known)}, version, "server_args", [])
    except PlanError:
        return False
    return True


@pytest.mark.parametrize("number", range(3), ids=VERDICTS["releases"])
def test_the_plan_accepts_what_the_parser_of_a_release_accepts(number: int) -> None:
    release = VERDICTS["releases"][number]
    said = {name: marks[number] == "+" for name, marks in VERDICTS["options"].items() if name not in reserved()}
    assert {name: accepts(name, release) for name in said} == said
    assert 250 < sum(said.values()) < len(said)


def test_all_releases_that_the_readme_claims_have_a_table() -> None:
    releases = load_history(SGLANG).releases
    assert (releases[0], releases[-1], len(releases)) == ("0.5.6", "0.5.23", 25)
    assert list(releases) == sorted(releases, key=by_age)


@pytest.mark.parametrize(
    ("text", "version", "spelled"),
    [
        ("0.5.23", (0, 5, 23), "0.5.23"),
        ("0.5.15.post1", (0, 5, 15, 1), "0.5.15.post1"),
        ("0.5.23rc1", (0, 5, 23, -1), "0.5.23 (not a release)"),
        ("0.5.24.dev7+g1f", (0, 5, 24, -1), "0.5.24 (not a release)"),
    ],
)
def test_versions(text: str, version: tuple[int, ...], spelled: str) -> None:
    assert parse_version(text, "sglang_version") == version
    assert spell(version) == spelled


def argv(release: str, **args: Any) -> list[str]:
    """Return the command of a server."""
    words: list[str] = plan(server(tp_size=8, server_args=args), version=release)["hosts"]["node0"]["units"][0]["argv"]
    return words


def test_an_exact_name_of_an_older_release_is_no_abbreviation_of_a_newer_one() -> None:
    assert argv("0.5.10", **{"cuda-graph-max-bs": 64})[-2:] == ["--cuda-graph-max-bs", "64"]
    with pytest.raises(PlanError, match=r"only SGLang .* has --cuda-graph-max-bs-decode, but .* is 0\.5\.10"):
        argv("0.5.10", **{"cuda-graph-max-bs-decode": 64})
    with pytest.raises(PlanError, match="short for"):
        argv("0.5.23", **{"cuda-graph-max-bs": 64})


VALUES: list[tuple[str, Any, list[str]]] = [
    ("context-length", 8192, ["8192"]),
    ("context-length", "8k", ["8k"]),
    ("json-model-override-args", {"a": [1]}, ['{"a":[1]}']),
    ("json-model-override-args", '{"a": 1}\n', ['{"a": 1}']),
    ("chat-template", "one\ntwo", ["one\ntwo"]),
    ("lora-paths", ["a=/a", "/b"], ["a=/a", "/b"]),
    ("mem-fraction-static", 0.85, ["0.85"]),
]


@pytest.mark.parametrize(("name", "value", "words"), VALUES)
def test_values_that_the_parser_takes(name: str, value: Any, words: list[str]) -> None:
    assert argv("0.5.23", **{name: value})[-1 - len(words) :] == [f"--{name}", *words]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("context-length", 8192.0),
        ("context-length", "1e5"),
        ("max-total-tokens", "abc"),
        ("json-model-override-args", "{not json"),
        ("json-model-override-args", b"x"),
        ("lora-paths", [{"a": "b"}]),
        ("chat-template", "a\x00b"),
        ("mem-fraction-static", 85),
        ("mem-fraction-static", float("nan")),
        ("ssl-certfile", "/c.pem"),
        ("ssl-keyfile-password", "x"),
        ("smg_grpc_mode", True),
        ("encoder-only", True),
    ],
)
def test_values_that_the_parser_refuses_or_that_cannot_work(name: str, value: Any) -> None:
    with pytest.raises(PlanError):
        argv("0.5.23", **{name: value})


@pytest.mark.parametrize("name", ["--api-key=x", "-x", "a\nb", "a\x00b"])
@pytest.mark.parametrize("key", ["model", "served_model_name"])
def test_a_model_is_a_name_and_no_option(key: str, name: str) -> None:
    raw = server(tp_size=8)
    raw["llama"][key] = name
    with pytest.raises(PlanError, match=f"deployments.llama.{key}"):
        plan(raw)


@pytest.mark.parametrize("release", ["0.5.24", "0.5.23rc1", "0.5.5"])
def test_a_release_that_is_not_known_is_left_to_its_own_parser(release: str) -> None:
    raw = server(tp_size=8, server_args={"new-thing": 3, "new-list": [1, 2], "new-switch": True, "old-switch": False})
    raw["llama"] |= {"sglang_version": release, "env": {"NOT_MY_TOKENS": "abc123", "NCCL_DEBUG": "WARN"}}
    planned = plan(raw)
    assert planned["warnings"] == [
        f"deployments.llama.sglang_version: SGLang {spell(parse_version(release, ''))} is not one of the releases "
        "0.5.6 to 0.5.23, whose options are known; its own parser judges them once it is installed, and ports are "
        "those of the nearest release"
    ]
    (unread,) = planned["deployments"]["llama"]["unread"]
    assert (unread["where"], unread["version"]) == ("deployments.llama.server", release)
    assert unread["environment"] == {"SGLANG_HOST_IP": "10.0.0.10", "NCCL_DEBUG": "WARN"}
    assert unread["hosts"] == ["node0", "node1", "node2", "node3"]
    assert unread["words"] == planned["hosts"]["node0"]["units"][0]["argv"][2:]
    assert unread["words"][-6:] == ["--new-thing", "3", "--new-list", "1", "2", "--new-switch"]


def test_a_release_that_is_known_asks_nobody() -> None:
    assert plan(server(tp_size=8))["deployments"]["llama"]["unread"] == []


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("mlx5_0,mlx5_1", "mlx5_0,mlx5_1"),
        (["mlx5_0", "mlx5_1"], "mlx5_0,mlx5_1"),
        ({0: "mlx5_0", 1: ["mlx5_1", "mlx5_2"]}, '{"0":"mlx5_0","1":"mlx5_1,mlx5_2"}'),
    ],
)
@pytest.mark.parametrize("on_host", [False, True])
def test_rdma_devices_as_text_list_or_for_each_gpu(value: Any, word: str, on_host: bool) -> None:
    group = {"hosts": "nodes", "tp_size": 4, "instances_per_host": 1}
    where = inventory(**({f"node{number}": {"sglang_ib_device": value} for number in range(4)} if on_host else {}))
    device = {"disaggregation_ib_device": "mlx5_9" if on_host else value}
    raw = {"pd": {"model": "/m", "prefill": {**group, **device}, "decode": {**group, **device}}}
    words = plan(raw, where)["hosts"]["node0"]["units"][0]["argv"]
    assert words[words.index("--disaggregation-ib-device") + 1] == word


@pytest.mark.parametrize("value", ["1", "true", "Yes", "y"])
def test_the_rust_server_is_seen_as_sglang_sees_it(value: str) -> None:
    raw = server(tp_size=8, attn_dp_size=8, env={"SGLANG_RUST_SERVER": value})
    assert plan(raw)["hosts"]["node0"]["units"][0]["ports"]["dp_attention"] == "20001-20014"


def test_a_host_cannot_have_its_own_rust_server() -> None:
    with pytest.raises(PlanError, match=r"host node1: sglang_host_env\.SGLANG_RUST_SERVER: .* in env of the group"):
        plan(server(tp_size=8), inventory(node1={"sglang_host_env": {"SGLANG_RUST_SERVER": "1"}}))


@pytest.mark.parametrize("value", ["a\rb", "a\x1bb", "a\x00b"])
def test_control_characters_in_the_environment_are_refused_by_the_plan(value: str) -> None:
    with pytest.raises(PlanError, match="control character"):
        plan(server(tp_size=8, env={"NCCL_DEBUG": value}))


def test_the_environment_cannot_undo_the_plan() -> None:
    with pytest.raises(PlanError, match="owned by the plan"):
        plan(server(tp_size=8, env={"SGLANG_DISTRIBUTED_INIT_METHOD_OVERRIDE": "tcp://10.0.0.1:1"}))
