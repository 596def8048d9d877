# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action around the plan: its file, what it prints, and how it refuses."""

from __future__ import annotations

import json
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


class HostVars(dict[str, Any]):
    """The variables of hosts, as they are written."""

    raw_get = dict.__getitem__


VARIABLES = {
    "inventory_hostname": "node0",
    "groups": {"all": ["node0", "node1"], "nodes": ["node0", "node1"]},
    "hostvars": HostVars({"node0": {"ansible_host": "10.0.0.1"}, "node1": {"ansible_host": "10.0.0.2"}}),
    "ansible_play_batch": ["node0"],
}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the action prints."""
    lines: list[str] = []
    monkeypatch.setattr(plan.display, "display", lines.append)
    return lines


def run(check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """Run the action."""
    task = MagicMock(args={**OPTIONS, **options}, check_mode=check_mode, async_val=0)
    action = plan.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    return action.run(None, VARIABLES)


def test_the_result_is_the_plan_as_plain_data(shown: list[str]) -> None:
    result = run()
    assert result["hosts"]["node1"]["units"][0]["argv"][:2] == ["-m", "sglang.launch_server"]
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
    env = {"HF_TOKEN": "abc123", "NCCL_DEBUG": "WARN"}
    dest = tmp_path / "plan.json"
    result = run(show="text", env=env, dest=str(dest))
    run(show="json", env=env)
    assert result["hosts"]["node0"]["units"][0]["environment"]["HF_TOKEN"] == env["HF_TOKEN"]
    for text in (*shown, dest.read_text(encoding="utf-8")):
        assert "abc123" not in text
        assert "********" in text
        assert "WARN" in text


def test_it_is_printed_for_people_and_for_programs(shown: list[str]) -> None:
    run(show="text")
    run(show="json")
    assert shown[0].startswith("DEPLOYMENT llama: /m on SGLang 0.5.23, 1 instance\n")
    assert json.loads(shown[1])["deployments"]["llama"]["instances"][0]["url"] == "http://10.0.0.1:30000"


def test_a_refusal_says_that_nothing_was_touched() -> None:
    with pytest.raises(AnsibleActionFail, match=r"no host was touched\.\ninstance llama-0@node0: --limit"):
        run(whole_instances=True)
    with pytest.raises(AnsibleActionFail, match="sglang_plan_only: there is no deployment 'lama'"):
        run(only="lama")


NAMES = {name: f"sglang_{name}" for name in OPTIONS}


def shared(acting: str = "node0", **different: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of a task; its inventory sets everything for all. different: host -> variables."""
    everywhere = {f"sglang_{name}": value for name, value in OPTIONS.items()} | {"sglang_models": {}}
    own = {
        name: {**everywhere, **VARIABLES["hostvars"][name], **different.get(name, {})}  # type: ignore[index]
        for name in ("node0", "node1")
    }
    return {**VARIABLES, **own[acting], "inventory_hostname": acting, "hostvars": HostVars(own)}


def by_name(variables: dict[str, Any]) -> dict[str, Any]:
    """Run the action with the names of variables."""
    task = MagicMock(args={"variables": {**NAMES, "models": "sglang_models"}}, check_mode=False, async_val=0)
    action = plan.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    return action.run(None, variables)


def test_settings_are_read_on_every_host_whichever_host_acts() -> None:
    assert by_name(shared("node0")) == by_name(shared("node1"))
    said = []
    for acting in ("node0", "node1"):
        with pytest.raises(AnsibleActionFail) as refused:
            by_name(shared(acting, node1={"sglang_sglang_version": "0.5.20"}))
        said.append(str(refused.value))
    assert said[0] == said[1]
    assert "sglang_sglang_version: hosts of the plan differ: '0.5.23' on node0, '0.5.20' on node1" in said[0]


def test_what_the_play_sets_is_over_what_hosts_have() -> None:
    variables = shared(node1={"sglang_sglang_version": "0.5.20"}) | {"sglang_sglang_version": "0.5.22"}
    assert by_name(variables)["sglang_version"] == "0.5.22"


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    for dest in (tmp_path / "absent/plan.json", tmp_path):
        with pytest.raises(AnsibleActionFail, match=r"sglang_plan_dest: .* cannot be written"):
            run(dest=str(dest))


def test_a_misspelt_variable_is_named_also_beside_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(plan.display, "warning", warned.append)
    hosts = HostVars({name: {**one, "sglang_verson": "0.5.23"} for name, one in VARIABLES["hostvars"].items()})
    monkeypatch.setitem(VARIABLES, "hostvars", hosts)
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
