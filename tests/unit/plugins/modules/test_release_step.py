# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program on the host, and what a step says that it has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.modules import release_step

PROGRAM = {"release.py": "x"}
LOOK = {"missing": True, "digest": "", "current": "", "bytes": 10**9, "files": 3, "store": "/data/a"}


class Ended(Exception):
    """The module has returned."""


class Module:
    """A module with its options; its program lies in a directory of the test."""

    def __init__(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, check_mode: bool = False, **params: Any
    ) -> None:
        self.check_mode, self.tmpdir, self.result = check_mode, str(tmp_path / "tmp"), dict[str, Any]()
        base = {
            "releases": [{"name": name, "store": "/data/a", "source": "/mnt/a"} for name in "ab"],
            "program": PROGRAM,
            "program_digest": "p",
            "launcher": "release.py",
            "slice": 5,
        }
        self.params = {**base, "step": step, **params}
        self.waits: list[float] = []
        self.run_command = None
        monkeypatch.setattr(release_step, "AnsibleModule", lambda **_options: self)
        monkeypatch.setattr(release_step.host, "LIBRARY", str(tmp_path / "library"))
        monkeypatch.setattr(release_step, "Steps", lambda *_args: self)

    def look(self, _release: dict[str, Any]) -> dict[str, Any]:
        """Find something to do."""
        return dict(LOOK)

    start = verify = look

    def follow(self, _release: dict[str, Any], wait: float) -> dict[str, Any]:
        """Be on the way."""
        self.waits.append(wait)
        return {"state": "running"}

    def exit_json(self, **result: Any) -> None:
        """Return a result."""
        self.result = result
        raise Ended

    def run(self) -> dict[str, Any]:
        """Run the module."""
        with pytest.raises(Ended):
            release_step.main()
        return self.result


def test_a_host_without_the_program_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Module(tmp_path, monkeypatch, "look", program={}).run() == {"changed": False, "program_missing": True}


def test_the_program_comes_once_and_that_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Module(tmp_path, monkeypatch, "look").run()["changed"]
    second = Module(tmp_path, monkeypatch, "look", program={}).run()
    assert not second["changed"]
    assert second["actions"] == [
        "a: copy 3 files, 1.00 GB, to /data/a, and switch to them",
        "b: copy 3 files, 1.00 GB, to /data/a, and switch to them",
    ]
    assert second["diff"] == {"before": "", "after": ""}


def test_check_mode_leaves_no_program_and_says_what_would_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = Module(tmp_path, monkeypatch, "look", check_mode=True).run()
    assert result["changed"]
    assert result["diff"]["after"].startswith("a: a copy of 3 files, 1.00 GB")
    assert not (tmp_path / "library").exists()


def test_a_host_with_two_copies_waits_once_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module(tmp_path, monkeypatch, "follow")
    module.run()
    assert module.waits == [5, 0]
