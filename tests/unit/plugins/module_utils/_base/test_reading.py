# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What another user may have put in a file's place."""

from __future__ import annotations

import os
import pathlib

from ansible_collections.multinode.sglang.plugins.module_utils._base.reading import read_short


def test_a_short_file_is_read_and_nothing_else_that_another_user_may_put_there(tmp_path: pathlib.Path) -> None:
    (tmp_path / "f").write_text("text\n")
    assert read_short(str(tmp_path / "f")) == "text\n"
    (tmp_path / "long").write_text("x" * 4097)
    (tmp_path / "link").symlink_to("f")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("long", "link", "directory", "pipe", "missing"):
        assert read_short(str(tmp_path / name)) is None
