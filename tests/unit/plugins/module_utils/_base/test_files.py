# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and directories as they shall be."""

from __future__ import annotations

import grp
import os
import pathlib
import pwd

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.files import (
    Directory,
    File,
    diff_entry,
    differs,
    ensure,
    file_diff,
)

ME = pwd.getpwuid(os.getuid()).pw_name
MINE = grp.getgrgid(os.getgid()).gr_name


def test_a_file_is_written_once(tmp_path: pathlib.Path) -> None:
    item = File(str(tmp_path / "f"), "text\n", 0o640, ME, MINE)
    assert differs(item)
    ensure(item)
    assert not differs(item)
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_wrong_mode_is_a_difference(tmp_path: pathlib.Path) -> None:
    item = File(str(tmp_path / "f"), "text\n", 0o600, ME, MINE)
    ensure(item)
    (tmp_path / "f").chmod(0o644)
    assert differs(item)
    ensure(item)
    assert not differs(item)


def test_a_directory(tmp_path: pathlib.Path) -> None:
    item = Directory(str(tmp_path / "a/b"), 0o750, ME, MINE)
    assert differs(item)
    ensure(item)
    assert not differs(item)


def test_an_unknown_user_is_named_and_nothing_is_left(tmp_path: pathlib.Path) -> None:
    item = File(str(tmp_path / "f"), "text\n", 0o600, "no-such-user", MINE)
    assert differs(item)
    with pytest.raises(ValueError, match="there is no user no-such-user"):
        ensure(item)
    assert list(tmp_path.iterdir()) == []


def test_the_diff_of_a_secret_shows_no_text(tmp_path: pathlib.Path) -> None:
    (tmp_path / "f").write_text("old canary")
    entry = file_diff(File(str(tmp_path / "f"), "new canary", 0o600, secret=True))
    assert "canary" not in str(entry)
    assert entry["before"] != entry["after"]


def test_the_diff_of_a_bulky_file_is_short(tmp_path: pathlib.Path) -> None:
    entry = file_diff(File(str(tmp_path / "f"), "line\n" * 500, 0o644, bulky=True))
    assert entry["before"] == ""
    assert entry["after"].startswith("sha256 ")
    assert entry["after"].count("\n") == 1


def test_the_diff_of_a_removed_file() -> None:
    assert diff_entry("/x", "old\n", None) == {
        "before_header": "/x",
        "after_header": "/x",
        "before": "old\n",
        "after": "",
    }
