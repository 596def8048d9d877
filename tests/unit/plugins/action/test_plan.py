# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action around the plan: its file, what it prints, and how it refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.multinode.sglang.plugins.action import plan
from ansible_collections.multinode.sglang.plugins.doc_fragments import _deployments
from ansible_collections.multinode.sglang.plugins.modules import plan as documented

OPTIONS = {
    "deployments": {"llama": {"model": "/m", "server": {"hosts": "nodes", "nnodes": 2, "tp_size": 16}}},
    "sglang_version": "0.5.23",
    "router_package": "sglang-router",
    "router_version": "0.3.2",
    "ephemeral_ports": "32768-60999",
    "models_root": "/data/models",
    "models_port": "21500",
}


HOSTS = {"node0": {"ansible_host": "10.0.0.1"}, "node1": {"ansible_host": "10.0.0.2"}}
VARIABLES = {
    "groups": {"all": ["node0", "node1"], "nodes": ["node0", "node1"]},
    "ansible_play_batch": ["node0"],
}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the action prints."""
    lines: list[str] = []
    monkeypatch.setattr(plan.display, "display", lines.append)
    return lines


def acted(args: dict[str, Any], hosts: Mapping[str, Mapping[str, Any]], check_mode: bool = False) -> dict[str, Any]:
    """Run the action. hosts: what a task has there."""
    task = MagicMock(args=args, check_mode=check_mode, async_val=0)
    manager = task.get_variable_manager.return_value
    manager._inventory.get_host = str
    manager.get_vars = lambda play, host, task: hosts[host]
    action = plan.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    return action.run(None, VARIABLES)


def run(check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """Run the action with options as they are."""
    return acted({**OPTIONS, **options}, HOSTS, check_mode)


def test_the_result_is_the_plan_as_plain_data(shown: list[str]) -> None:
    result = run()
    assert result["hosts"]["node1"]["units"][0]["options"][0]["name"] == "model-path"
    assert json.loads(json.dumps(result))["peers"] == {"instance llama-0@node0": ["10.0.0.1", "10.0.0.2"]}
    assert (result["changed"], shown) == (False, [])


def test_every_key_of_the_result_is_documented() -> None:
    assert set(yaml.safe_load(documented.RETURN)) == set(run()) - {"changed"}
    hosts = yaml.safe_load(documented.RETURN)["hosts"]["contains"]
    assert set(hosts) == set(run()["hosts"]["node0"])


def test_every_option_is_documented() -> None:
    texts = (documented.DOCUMENTATION, _deployments.ModuleDocFragment.DOCUMENTATION)
    options = [name for text in texts for name in yaml.safe_load(text)["options"]]
    assert sorted(options) == sorted(plan.ActionModule.ARGUMENTS)


def test_a_file_is_written_once(tmp_path: Path) -> None:
    dest = tmp_path / "plan.json"
    assert run(check_mode=True, dest=str(dest))["changed"]
    assert not dest.exists()
    assert [run(dest=str(dest))["changed"] for _run in range(2)] == [True, False]
    assert json.loads(dest.read_text(encoding="utf-8"))["sglang_version"] == "0.5.23"
    assert dest.stat().st_mode & 0o777 == 0o600


def test_secrets_are_in_the_result_but_neither_printed_nor_written(shown: list[str], tmp_path: Path) -> None:
    env = {"HF_TOKENS": "abc123", "NCCL_DEBUG": "WARN"}
    dest = tmp_path / "plan.json"
    result = run(show="text", env=env, dest=str(dest))
    run(show="json", env=env)
    assert result["hosts"]["node0"]["units"][0]["environment"]["HF_TOKENS"] == env["HF_TOKENS"]
    for text in (*shown, dest.read_text(encoding="utf-8")):
        assert "abc123" not in text
        assert "********" in text
        assert "WARN" in text


def test_it_is_printed_for_people_and_for_programs(shown: list[str]) -> None:
    run(show="text")
    run(show="json")
    assert shown[0].startswith("DEPLOYMENT llama: /m on SGLang 0.5.23, 1 instance\n")
    assert json.loads(shown[1])["deployments"]["llama"]["instances"][0]["url"] == "http://10.0.0.1:30000"
    assert json.loads(shown[1])["hosts"]["node1"]["units"][0]["argv"][:2] == ["-m", "sglang.launch_server"]


def test_a_refusal_says_that_nothing_was_touched() -> None:
    with pytest.raises(AnsibleActionFail, match=r"no host was touched\.\ninstance llama-0@node0: --limit"):
        run(whole_instances=True)
    with pytest.raises(AnsibleActionFail, match="sglang_plan_only: there is no deployment 'lama'"):
        run(only="lama")


def by_name(**different: dict[str, Any]) -> dict[str, Any]:
    """Run the action with the names of variables that all hosts have. different: host -> what it has besides."""
    names = {name: f"sglang_{name}" for name in OPTIONS}
    everywhere = {names[name]: value for name, value in OPTIONS.items()}
    return acted(
        {"variables": names}, {host: {**everywhere, **HOSTS[host], **different.get(host, {})} for host in HOSTS}
    )


def test_settings_are_read_on_every_host() -> None:
    assert by_name() == run()
    with pytest.raises(AnsibleActionFail, match=r"\('0\.5\.23' on node0, '0\.5\.20' on node1\)"):
        by_name(node1={"sglang_sglang_version": "0.5.20"})


def test_a_refusal_has_no_cause_that_would_be_printed_too() -> None:
    with pytest.raises(AnsibleActionFail) as refused:
        run(deployments={})
    assert refused.value.__suppress_context__
    assert refused.value.__cause__ is None


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    for dest in (tmp_path / "absent/plan.json", tmp_path):
        with pytest.raises(AnsibleActionFail, match=r"sglang_plan_dest: .* cannot be written"):
            run(dest=str(dest))


def test_a_misspelt_variable_is_named_also_beside_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(plan.display, "warning", warned.append)
    monkeypatch.setitem(HOSTS, "node0", {**HOSTS["node0"], "sglang_verson": "0.5.23"})
    run()
    expected = ["host node0: sglang_verson: there is no such variable; did you mean sglang_version?"]
    assert warned == expected
    with pytest.raises(AnsibleActionFail):
        run(only="lama")
    assert warned == expected * 2


def test_a_warning_is_printed_once(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    warned: list[str] = []
    monkeypatch.setattr(plan.display, "warning", warned.append)
    run(show="text", sglang_version="0.5.99")
    assert (shown[0].count("WARNING"), warned) == (1, [])
    run(sglang_version="0.5.99")
    assert len(warned) == 1


def test_only_ports_of_this_plan_are_explained(shown: list[str]) -> None:
    run(show="text")
    explained = shown[0].partition("PORTS\n")[2]
    assert "  barrier: " in explained
    assert not [name for name in ("router", "bootstrap", "copy", "kv_events") if f"  {name}: " in explained]
