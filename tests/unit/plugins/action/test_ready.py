# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action around the wait: its remote calls, with a host that only pretends."""

from __future__ import annotations

import pathlib
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.multinode.sglang.plugins.action import ready
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import to_dict
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Bootstrap, Rank

from ..planned import router, server

UNIT = to_dict(server())
ROUTER = to_dict(router())
PREFILL = to_dict(
    Bootstrap("sglang-a-prefill-0", "a-prefill-0@node1", "node1", "10.0.0.1", 8998, (Rank("node1", "10.0.0.1"),))
)
DEFAULTS = {name: option.get("default") for name, option in ready.ActionModule.ARGUMENTS.items()}


def state(phase: str, *journal: str) -> dict[str, Any]:
    """Return the result of a remote call."""
    unit = {"phase": phase, "restarts": 0, "journal": list(journal), "trouble": "", "limits": {}}
    return {"changed": False, "units": {"sglang-a-0": unit}}


class Action:
    """The action plugin on a host that answers from a list."""

    def __init__(
        self,
        tmp_path: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch,
        *answers: dict[str, Any],
        check_mode: bool = False,
    ) -> None:
        monkeypatch.setattr(ready.C, "DEFAULT_LOCAL_TMP", str(tmp_path))
        task = MagicMock(
            async_val=0, check_mode=check_mode, _uuid="task", args={"servers": [UNIT], "started": ["sglang-a-0"]}
        )
        self.task, self.modules = task, list[str]()
        self.plugin = ready.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        self.calls: list[dict[str, Any]] = []
        self.answers = list(answers)
        monkeypatch.setattr(self.plugin, "_execute_module", self.execute)
        monkeypatch.setattr(self.plugin, "validate_argument_spec", lambda **_spec: (None, {**DEFAULTS, **task.args}))

    def execute(self, module_name: str, module_args: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """Answer a remote call."""
        self.modules.append(module_name)
        self.calls.append(module_args)
        return self.answers.pop(0)

    def run(self) -> dict[str, Any]:
        """Run the action."""
        result: dict[str, Any] = self.plugin.run(None, {"inventory_hostname": "node1", "ansible_play_hosts": ["node1"]})
        return result


def test_a_ready_host_takes_one_remote_call(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(tmp_path, monkeypatch, state("ready"))
    result = action.run()
    assert len(action.calls) == 1
    assert not result.get("failed")
    assert result["units"]["sglang-a-0"]["phase"] == "ready"


def test_slices_until_it_is_ready(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(tmp_path, monkeypatch, state("starting", "x"), state("running", "x"), state("ready"))
    assert not action.run().get("failed")
    assert [call["wait"] for call in action.calls] == [5.0, 5.0, 5.0]
    assert action.calls[0]["restarts"] == {"sglang-a-0": 0}


def test_a_failed_unit_ends_it_with_the_journal(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = Action(tmp_path, monkeypatch, state("running", "x"), state("failed", "RuntimeError: no memory")).run()
    assert result["failed"]
    assert result["msg"].endswith(
        "has failed: RuntimeError: no memory; the last lines of its journal:\n  RuntimeError: no memory"
    )


def test_a_remote_failure_is_passed_on(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = {"failed": True, "msg": "systemctl show failed"}
    assert Action(tmp_path, monkeypatch, failure).run().items() >= failure.items()


def test_check_mode_asks_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(tmp_path, monkeypatch, check_mode=True)
    assert action.run() == {"changed": False, "units": {}, "bootstrap": {}, "seconds": 0.0}
    assert action.calls == []


def test_routers_are_asked_for_as_routers(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {"phase": "ready", "restarts": 0, "journal": [], "trouble": ""}
    action = Action(tmp_path, monkeypatch, {"changed": False, "units": {"sglang-router-a": seen}})
    action.task.args = {"routers": [ROUTER]}
    result = action.run()
    assert not result.get("failed")
    assert action.modules == ["multinode.sglang.unit_info"]
    assert action.calls[0]["routers"] == [ROUTER]
    assert "servers" not in action.calls[0]


@pytest.mark.parametrize("kind", ["servers", "routers", "bootstrap"])
def test_nothing_planned_asks_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    action = Action(tmp_path, monkeypatch)
    action.task.args = {kind: []}
    assert action.run()["units"] == {}
    assert action.calls == []


@pytest.mark.parametrize("trouble", ["", "node3 does not reach the bootstrap server"])
def test_bootstrap_servers_take_one_call_and_fail_with_their_sentence(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    seen = {"a-prefill-0@node1": {"ranks": 1, "expected": 1, "addresses": ["10.0.0.1"], "trouble": trouble}}
    action = Action(tmp_path, monkeypatch, {"changed": False, "units": {}, "bootstrap": seen})
    action.task.args = {"bootstrap": [PREFILL], "timeout": 30.0}
    result = action.run()
    assert action.calls == [{"bootstrap": [PREFILL], "wait": 30.0}]
    assert (result.get("failed", False), result.get("msg", "")) == (bool(trouble), trouble)
    assert result["bootstrap"] == seen
