# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a path is, without reading anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Root
from ansible_collections.multinode.sglang.plugins.module_utils._node import files


def look(*paths: Any) -> dict[str, tuple[str | None, bool]]:
    """Return path -> what it is."""
    found, problems = files.gather(Root(), [str(path) for path in paths], 5)
    assert problems == []
    return {entry["path"].rpartition("/")[2]: (entry["kind"], entry["model"]) for entry in found}


def test_what_is_there(tmp_path: Path) -> None:
    for name, config in {"hf": "config.json", "mistral": "params.json", "empty": None}.items():
        (tmp_path / name).mkdir()
        if config:
            (tmp_path / name / config).touch()
    (tmp_path / "lm.gguf").touch()
    (tmp_path / "link").symlink_to("hf")
    (tmp_path / "dead").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe")
    names = ["hf", "mistral", "empty", "lm.gguf", "link", "dead", "pipe", "absent", "lm.gguf/inside"]
    assert look(*(tmp_path / name for name in names)) == {
        "hf": ("directory", True),
        "mistral": ("directory", True),
        "empty": ("directory", False),
        "lm.gguf": ("file", False),
        "link": ("directory", True),
        "dead": (None, False),
        "pipe": ("file", False),
        "absent": (None, False),
        "inside": (None, False),
    }
