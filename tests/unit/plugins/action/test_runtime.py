# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action around the installation: one look, and the background job only where something is to be done."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.multinode.sglang.plugins.action import runtime
from ansible_collections.multinode.sglang.plugins.plugin_utils import _action

RIGHT = {"changed": False, "actions": []}
WRONG = {"changed": True, "actions": ["create /opt/sglang/0.5.23"]}
JOB = {"ansible_job_id": "j1.2", "results_file": "/tmp/j1.2", "started": True}


class Action:
    """The action plugin on a host that answers from a list."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any], check_mode: bool = False) -> None:
        self.task = MagicMock(async_val=0, check_mode=check_mode, args={"versions": ["0.5.23"], "root": "/opt/sglang"})
        self.plugin = runtime.ActionModule(self.task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        self.calls: list[tuple[str, bool, bool]] = []
        self.sent: dict[str, Any] = {}
        self.shown: list[str] = []
        self.answers = list(answers)
        monkeypatch.setattr(self.plugin, "_execute_module", self.execute)
        monkeypatch.setattr(_action.display, "display", self.shown.append)
        clock = iter(range(0, 1000, 10))
        monkeypatch.setattr(_action.time, "monotonic", lambda: next(clock))
        monkeypatch.setattr(_action.time, "sleep", lambda _seconds: None)

    def execute(self, module_name: str, wrap_async: bool = False, **options: Any) -> dict[str, Any]:
        """Answer a remote call."""
        self.sent = options.get("module_args", {})
        self.calls.append((module_name.rpartition(".")[2], self.task.check_mode, wrap_async))
        return dict(self.answers.pop(0))

    def run(self) -> dict[str, Any]:
        """Run the action."""
        result: dict[str, Any] = self.plugin.run(None, {"inventory_hostname": "node1"})
        return result


def test_a_right_host_takes_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(monkeypatch, RIGHT)
    assert action.run() == RIGHT
    assert action.calls == [("runtime", True, False)]
    assert action.task.check_mode is False


def test_check_mode_takes_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(monkeypatch, WRONG, check_mode=True)
    assert action.run() == WRONG
    assert action.calls == [("runtime", True, False)]


def test_an_installation_shows_progress_and_cleans_up(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = {"finished": False}
    done = {"finished": True, **WRONG, "ansible_job_id": "j1.2"}
    action = Action(monkeypatch, WRONG, JOB, waiting, waiting, {"stdout": "Collecting torch"}, done, {})
    assert action.run() == WRONG
    assert [call[0] for call in action.calls[2:]] == [
        "async_status",
        "async_status",
        "command",
        "async_status",
        "async_status",
    ]
    assert action.calls[1] == ("runtime", False, True)
    assert len(action.shown) == 1
    assert action.shown[0].startswith("node1: installing sglang, ")
    assert action.shown[0].endswith(" s, Collecting torch")


def test_a_failed_installation_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(monkeypatch, WRONG, JOB, {"finished": True, "failed": True, "msg": "no such package"}, {})
    assert action.run() == {"failed": True, "msg": "node1  no such package"}


def test_a_host_that_is_refused_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(monkeypatch, {"failed": True, "msg": "python3 is Python 3.9.2"})
    assert action.run()["msg"] == "node1  python3 is Python 3.9.2"
    assert len(action.calls) == 1


@pytest.mark.parametrize(
    ("hosts", "play", "asks"),
    [
        ([], ["node1", "node2"], True),
        (["node1", "node2"], ["node2", "node1"], True),
        (["node2", "node1"], ["node1"], True),
        (["node2", "node1"], ["node1", "node2"], False),
        (["node3"], ["node1"], False),
    ],
)
def test_one_host_of_the_play_asks_the_parser(
    monkeypatch: pytest.MonkeyPatch, hosts: list[str], play: list[str], asks: bool
) -> None:
    action = Action(monkeypatch, RIGHT)
    command = {
        "where": "deployments.a.server",
        "version": "0.5.24",
        "words": ["--x"],
        "environment": {},
        "hosts": hosts,
    }
    action.task.args["commands"] = [command]
    action.plugin.run(None, {"inventory_hostname": "node1", "ansible_play_hosts": play})
    assert action.sent["commands"] == ([command] if asks else [])
