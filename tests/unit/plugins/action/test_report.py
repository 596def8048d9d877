# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Without the callback a deploy still ends with its URLs, and a check with its verdict."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.multinode.sglang.plugins.action import report
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import to_dict

from ..planned import server

INSTANCE = {
    "name": "sglang-a-0",
    "instance": "a-0@node1",
    "role": "server",
    "ranks": [{"host": "node1"}],
    "url": "http://10.0.0.11:30000",
}
PLAN = {
    "deployments": {"a": {"served_model": "m", "instances": [INSTANCE], "routers": []}},
    "hosts": {"node1": {"units": [to_dict(server("a"))], "routers": []}},
}


def run(monkeypatch: pytest.MonkeyPatch, enabled: list[str], check: bool = False, **more: Any) -> tuple[str, list[str]]:
    """Return what the action prints, and its lines."""
    shown: list[str] = []
    monkeypatch.setattr(report.display, "display", lambda text, color: shown.append(text))
    monkeypatch.setattr(report.C, "CALLBACKS_ENABLED", enabled)
    task = MagicMock(async_val=0, check_mode=check, args={})
    action = report.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    hosts = {"hostvars": {"node1": more}, "ansible_play_hosts_all": ["node1"], "sglang_plan_result": PLAN}
    result = action.run(None, {**more, **hosts})
    return "\n".join(shown), result["lines"]


def test_a_deploy_has_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    printed, lines = run(monkeypatch, [])
    assert lines[:3] == ["DEPLOYED", "  a: 1 instance answers as model m", "    URL: http://10.0.0.11:30000/v1"]
    assert printed == "\n".join(lines)
    assert "Authorization" not in printed
    assert "$SGLANG_API_KEY" in run(monkeypatch, [], sglang_api_key="secret")[0]


def test_the_callback_prints_it_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, ["multinode.sglang.summary"])[0] == ""


def test_a_check_has_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = {"host": "node1", "text": "node1  MTU 1500", "severity": "error"}
    found = {"findings": [finding], "hosts": {"node1": False}}
    printed, _lines = run(monkeypatch, [], check=True, preflight_result=found)
    assert printed == "CHECK: this run would be REFUSED; 0 of 1 host passed the checks\n  node1: MTU 1500"
    assert "would go ahead" in run(monkeypatch, [], check=True)[0]
