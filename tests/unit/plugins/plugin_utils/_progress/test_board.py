# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes about instances whose hosts have unusual names."""

from __future__ import annotations

import pathlib

from ansible_collections.multinode.sglang.plugins.plugin_utils._progress.board import Board


def test_a_subject_may_have_any_characters(tmp_path: pathlib.Path) -> None:
    board = Board(tmp_path, "task")
    board.note("a-0@../other/fd00::1", "failed", "why")
    board.note("a-0@../other/fd00::1", "failed", "later")
    assert board.read("a-0@../other/fd00::1", "failed") == "why"
    assert board.read("a-0@fd00::1", "failed") is None
    assert [path.parent for path in tmp_path.rglob("*")] == [tmp_path]
