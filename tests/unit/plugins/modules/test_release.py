# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step reports as changed, and how it fails."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Release
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused
from ansible_collections.multinode.sglang.plugins.modules import release

from .fake_module import FakeModule

FOUND = {"missing": True, "digest": "", "current": "", "bytes": 10**9, "files": 3, "store": "/data/a"}


class Module(FakeModule):
    """The module on a host where an inspection finds something to copy."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, check_mode: bool = False, answer: Any = None) -> None:
        given = {"name": "a", "store": "/data/a", "source": "/mnt/a"}
        item = {name: given.get(name, spec.get("default")) for name, spec in release.RELEASE.items()}
        options = {name: spec.get("default") for name, spec in release.OPTIONS.items()}
        super().__init__(monkeypatch, release, {**options, "step": "inspect", "releases": [item]}, check_mode)
        self._answer = answer
        monkeypatch.setattr(release, "take", self.take)

    def take(self, _steps: Any, _step: str, releases: tuple[Release, ...], _seconds: float) -> dict[str, Any]:
        """Find something to do, or refuse."""
        if self._answer:
            raise self._answer
        return {one.name: dict(FOUND) for one in releases}


def test_the_options_are_the_fields_of_the_plan() -> None:
    assert list(release.RELEASE) == [field.name for field in dataclasses.fields(Release)]


def test_an_inspection_changes_nothing_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Module(monkeypatch).run()
    assert not result["changed"]
    assert result["actions"] == ["a: copy 3 files, 1.00 GB, to /data/a, and switch to them"]
    assert result["diff"] == {"before": "", "after": ""}


def test_check_mode_shows_what_the_next_steps_would_change(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Module(monkeypatch, check_mode=True).run()
    assert result["changed"]
    assert result["diff"] == {"before": "a: no release\n", "after": "a: a copy of 3 files, 1.00 GB\n"}


def test_a_refusal_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Module(monkeypatch, answer=Refused("a: no space")).run()
    assert (result["failed"], result["msg"]) == (True, "a: no space")
