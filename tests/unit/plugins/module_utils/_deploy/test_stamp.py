# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was deployed on a host, and whether a deploy goes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._deploy import stamp


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the history is; files are not given to root."""
    monkeypatch.setattr(stamp, "ensure", lambda item: getattr(item, "text", None) and _write(item))
    return str(tmp_path / "deploys.json")


def _write(item: Any) -> None:
    Path(item.path).write_text(item.text)


def entry(**deployments: str) -> dict[str, Any]:
    """A deploy of some deployments."""
    who = {"who": "alice", "controller": "ctl1", "playbook": "deploy.yml", "sglang_version": "0.5.23"}
    return {**who, "deployments": deployments}


def test_only_what_differs_is_new(path: str) -> None:
    assert stamp.newest(path) is None
    assert not stamp.is_new(entry(), path)
    assert stamp.is_new(entry(a="1", b="1"), path)
    stamp.add(entry(a="1", b="1"), path)
    assert not stamp.is_new(entry(a="1"), path)
    assert stamp.is_new(entry(a="2"), path)
    assert stamp.is_new({**entry(a="1"), "sglang_version": "0.5.24"}, path)


def test_an_older_plan_is_known_again(path: str) -> None:
    for deployments in ({"a": "1", "b": "1"}, {"a": "2"}, {"b": "2"}):
        stamp.add(entry(**deployments), path)
    assert stamp.goes_back({"a": "2", "b": "2", "c": "1"}, path) == {}
    assert stamp.goes_back({"a": "3"}, path) == {}
    back = stamp.goes_back({"a": "1", "b": "2"}, path)
    assert list(back) == ["a"]
    assert back["a"]["deployments"] == {"a": "1", "b": "1"}
    stamp.add(entry(a="1"), path)
    assert stamp.goes_back({"a": "1"}, path) == {}


def test_the_history_is_short(path: str) -> None:
    for number in range(stamp.KEPT + 5):
        stamp.add(entry(a=str(number)), path)
    assert [one["deployments"]["a"] for one in stamp.history(path)][:2] == ["5", "6"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"deployments": {}}]', "nonsense"])
def test_a_damaged_history_is_none(path: str, text: str) -> None:
    Path(path).write_text(text)
    assert stamp.history(path) == []
