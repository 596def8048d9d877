# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts before and after they are mounted, and their read-ahead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.modules import nfs_check

from .fake_module import FakeModule

MOUNT = {"server": "nfs1", "port": 2049, "src": "nfs1:/export", "path": "/mnt/models", "opts": "ro"}


class Module(FakeModule):
    """The module on a host where something is mounted."""

    def __init__(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: dict[str, tuple[str, str, str]], **params: Any
    ) -> None:
        self.asked: list[str] = []
        check_mode = params.pop("check_mode", False)
        given = {"mounts": [MOUNT], "mounted": False, "timeout": 15, "read_ahead": 0, **params}
        super().__init__(monkeypatch, nfs_check, given, check_mode)
        self.path = tmp_path / "read_ahead_kb"
        self.path.write_text("128\n")
        monkeypatch.setattr(nfs_check.mounts, "mounted", lambda: here)
        monkeypatch.setattr(nfs_check.mounts, "refuse_silence", lambda server, *_rest: self.asked.append(server))
        monkeypatch.setattr(nfs_check.mounts, "read_ahead_path", lambda _device: str(self.path))

    def run_command(self, words: list[str], **_options: Any) -> tuple[int, str, str]:
        """Answer at once."""
        self.asked.append(words[-1])
        return 0, "", ""


HERE = {"/mnt/models": ("0:52", "nfs4", "nfs1:/export")}


def test_a_server_is_asked_before_anything_is_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module(tmp_path, monkeypatch, {})
    assert module.run()["mounted"] == []
    assert module.asked == ["nfs1"]


def test_the_server_is_asked_before_the_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module(tmp_path, monkeypatch, HERE)
    assert module.run()["mounted"] == ["/mnt/models"]
    assert module.asked == ["nfs1", "/mnt/models"]


def test_what_must_be_mounted_and_is_not_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        Module(tmp_path, monkeypatch, {}, mounted=True).run()["msg"]
        == "/mnt/models is not mounted; see the output of: mount /mnt/models"
    )


def test_another_export_at_the_mount_point_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module(tmp_path, monkeypatch, {"/mnt/models": ("0:52", "nfs4", "nfs2:/x")})
    assert module.run()["msg"].startswith("/mnt/models has nfs2:/x mounted (expected nfs1:/export)")
    assert module.asked == ["nfs1"]


def test_the_read_ahead_is_set_once_and_not_in_check_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Module(tmp_path, monkeypatch, HERE, read_ahead=15360, check_mode=True)
    assert checked.run()["changed"]
    assert checked.path.read_text() == "128\n"
    module = Module(tmp_path, monkeypatch, HERE, read_ahead=15360)
    assert module.run()["changed"]
    assert module.path.read_text() == "15360"
    assert not module.run()["changed"]
