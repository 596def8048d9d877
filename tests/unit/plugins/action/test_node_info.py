# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action around the facts: what the controller's clock showed meanwhile."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.multinode.sglang.plugins.action import node_info


@pytest.mark.parametrize(("epoch", "ahead"), [(1001.0, 0.0), (4601.0, 3600.0), (901.0, -100.0)])
def test_the_clock_is_compared_with_the_controllers(
    monkeypatch: pytest.MonkeyPatch, epoch: float, ahead: float
) -> None:
    answer = {"changed": False, "node": {"clock": {"epoch": epoch}}}
    assert run(monkeypatch, answer)["node"]["clock"]["controller"] == {"ahead": ahead, "took": 2.0}


@pytest.mark.parametrize("answer", [{"failed": True, "msg": "no"}, {"node": {"clock": None}}, {"node": {"gpu": {}}}])
def test_without_a_clock_there_is_nothing_to_compare(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> None:
    assert run(monkeypatch, answer).items() >= answer.items()


def run(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> dict[str, Any]:
    """Run the action on a host that answers after two seconds."""
    task = MagicMock(async_val=0, check_mode=False, args={"gather": ["clock"]})
    plugin = node_info.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    monkeypatch.setattr(plugin, "_execute_module", lambda **_options: answer)
    times = iter([1000.0, 1002.0])
    monkeypatch.setattr(node_info.time, "time", lambda: next(times))
    result: dict[str, Any] = plugin.run(None, {"inventory_hostname": "a"})
    return result
