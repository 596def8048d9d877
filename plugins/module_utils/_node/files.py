# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether files and models are there; nothing is read. PRIVATE to the collection."""

from __future__ import annotations

import os
import stat
import time
from typing import Any

from .._base.host import Root, Task

# What a directory with a model has: that of Hugging Face, or that of Mistral.
CONFIGS = ("config.json", "params.json")


def look(root: Root, path: str) -> tuple[str | None, bool]:
    """Return what a path is (None: it does not exist), and whether it is a directory with a model."""
    try:
        mode = os.stat(root.path(path)).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None, False
    if not stat.S_ISDIR(mode):
        return "file", False
    return "directory", any(root.exists(f"{path}/{name}") for name in CONFIGS)


def gather(root: Root, paths: list[str], seconds: float) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what each path is, and what could not be gathered; one on a file system that hangs is abandoned."""
    tasks = {path: Task(lambda path=path: look(root, path)) for path in dict.fromkeys(paths)}  # type: ignore[misc]
    deadline = time.monotonic() + seconds
    found, problems = [], []
    for path, task in tasks.items():
        answer, trouble = task.result(deadline)
        if answer:
            found.append({"path": path, "kind": answer[0], "model": answer[1]})
        else:
            problems.append(f"{path}: {trouble}")
    return found, problems
