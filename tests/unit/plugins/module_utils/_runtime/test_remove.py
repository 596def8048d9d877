# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing what was installed, and leaving what others put beside it."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._runtime import remove

DIGEST = "0" * 64


def installed(root: pathlib.Path) -> None:
    """Leave what two installations, one of them interrupted, leave."""
    for version, marker, text in (("0.5.22", ".complete", DIGEST), ("0.5.23", ".unfinished", "")):
        (root / version / "bin").mkdir(parents=True)
        (root / version / marker).write_text(text)
        (root / f".{version}.log").write_text("run: pip\n")
    (root / ".0.5.23.tmp").mkdir()
    (root / "python/cpython-3.12.1").mkdir(parents=True)
    (root / "python/.complete").write_text("")
    (root / "current").symlink_to("0.5.22")


def test_all_of_ours_goes_and_the_empty_directory_with_it(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "sglang"
    installed(root)
    planned = remove.everything(str(root), check_mode=True)
    assert (root / "current").is_symlink()
    done = remove.everything(str(root), check_mode=False)
    assert done == planned
    assert done["changed"]
    assert not root.exists()
    assert not remove.everything(str(root), check_mode=False)["changed"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("notes.txt", ""),
        ("current/bin/python", ""),
        ("python/bin/python3", ""),
        ("tool/.complete", "done"),
        ("tool/.unfinished", "some work"),
        (".tool.log", ""),
    ],
)
def test_what_others_made_stays(tmp_path: pathlib.Path, path: str, text: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    assert remove.everything(str(tmp_path), check_mode=False)["actions"] == []
    assert file.read_text() == text


def test_a_link_to_an_environment_is_not_followed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/.complete").write_text(DIGEST)
    root = tmp_path / "sglang"
    root.mkdir()
    (root / "0.5.23").symlink_to(tmp_path / "elsewhere")
    assert not remove.everything(str(root), check_mode=False)["changed"]
    assert (tmp_path / "elsewhere/.complete").exists()
