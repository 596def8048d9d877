# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room on file systems, and one that does not answer."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Root
from ansible_collections.multinode.sglang.plugins.module_utils._node import disk

Recorded = Callable[[str], str]


@pytest.mark.parametrize(
    ("path", "point", "remote"),
    [
        ("/data/models/llama", "/data/models", True),
        ("/data/models", "/data/models", True),
        ("/data/modelsx", "/data", False),
        ("/srv", "/", False),
        ("/mnt/two words/x", "/mnt/two words", True),
    ],
)
def test_the_mount_of_a_path(recorded: Recorded, path: str, point: str, remote: bool) -> None:
    mount = disk.mount_of(disk.parse_mounts(recorded("mountinfo.txt")), path)
    assert mount is not None
    assert (mount.point, mount.remote) == (point, remote)


def test_of_two_mounts_at_one_place_the_upper_counts(recorded: Recorded) -> None:
    mount = disk.mount_of(disk.parse_mounts(recorded("mountinfo.txt")), "/over/x")
    assert mount is not None
    assert mount.device == "upper"


def test_room_at_a_path_that_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (here, later), problems = disk.gather(Root(), [str(tmp_path), f"{tmp_path}/link/models/llama"], 5)
    assert problems == []
    assert later["path"] == f"{tmp_path}/link/models/llama"
    assert (later["mount"], later["type"]) == (here["mount"], here["type"])
    status = os.statvfs(tmp_path)
    assert later["size_mib"] == status.f_blocks * status.f_frsize >> 20
    assert 0 < later["free_mib"] <= later["size_mib"]


def test_a_file_system_that_does_not_answer_is_named_and_the_others_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, real = threading.Event(), os.statvfs

    def statvfs(path: str) -> os.statvfs_result:
        if path.endswith("dead"):
            release.wait(30)
        return real(path)

    monkeypatch.setattr(disk.os, "statvfs", statvfs)
    (tmp_path / "dead").mkdir()
    started = time.monotonic()
    (dead, alive), (problem,) = disk.gather(Root(), [f"{tmp_path}/dead", str(tmp_path)], 0.3)
    release.set()
    assert time.monotonic() - started < 2
    assert (dead["size_mib"], dead["free_mib"]) == (None, None)
    assert dead["mount"] == alive["mount"]
    assert alive["free_mib"] > 0
    assert problem == f"{tmp_path}/dead on {dead['mount']} ({dead['type']} {dead['device']}): it did not answer in time"
