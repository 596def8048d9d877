# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module returns about units that are not there, and about none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import ours
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import to_dict
from ansible_collections.multinode.sglang.plugins.modules import unit_info

from ..planned import router, server
from .fake_module import FakeModule


class Module(FakeModule):
    """The module on a host without any unit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **params: Any) -> None:
        defaults = {name: option.get("default") for name, option in unit_info.OPTIONS.items()}
        super().__init__(monkeypatch, unit_info, {**defaults, **params})
        self.commands: list[list[str]] = []

    def run_command(self, words: list[str], **_options: Any) -> tuple[int, str, str]:
        """Answer as systemctl does about units that it does not know."""
        self.commands.append(words)
        units = [word for word in words if word.endswith(".service")]
        return 0, "\n\n".join(f"Id={name}\nLoadState=not-found\nActiveState=inactive" for name in units), ""


def test_units_that_are_not_there_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module(monkeypatch, servers=[to_dict(server("a"))], routers=[to_dict(router("a"))], wait=5)
    result = module.run()
    assert {name: unit["phase"] for name, unit in result["units"].items()} == {
        "sglang-a-0": "missing",
        "sglang-router-a": "missing",
    }
    assert [unit["journal"] for unit in result["units"].values()] == [[], []]
    assert len(module.commands) == 1


def test_nothing_is_asked_about_no_units(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module(monkeypatch, wait=5)
    assert module.run() == {"changed": False, "units": {}, "bootstrap": {}}
    assert module.commands == []


def test_units_that_left_the_plan_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ours.paths, "UNIT_DIR", str(tmp_path))
    monkeypatch.setattr(unit_info.stamp, "newest", lambda: None)
    for name, title in (("sglang-a-0", "a-0@n1 rank 0 of 1"), ("sglang-old-0", "old-0@n1 rank 1 of 2")):
        text = f"{ours.SERVER_MARKER}\n[Unit]\nDescription=SGLang {title} (multinode.sglang)\n"
        (tmp_path / f"{name}.service").write_text(text)
    (tmp_path / "sglang-theirs.service").write_text("[Unit]\nDescription=not of this collection\n")
    found = Module(monkeypatch, known=["sglang-a-0"]).run()
    stray = {"name": "sglang-old-0", "kind": "server", "title": "old-0@n1", "rank": 1}
    assert found["strays"] == [{**stray, "active": "inactive", "since": ""}]
    assert found["stamp"] is None


def test_what_is_no_unit_of_the_plan_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Module(monkeypatch, servers=[{"name": "x"}]).run()
    assert result == {"failed": True, "msg": "servers[0].instance: it is missing; pass what the module plan returned"}
