# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove what was installed, and nothing that somebody else put beside it. PRIVATE to the collection."""

from __future__ import annotations

import os
import re
import shutil
from typing import Any

from .._base.files import read, removal_diff
from . import python
from .venv import CURRENT, MARKER, UNFINISHED

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def everything(root: str, check_mode: bool) -> dict[str, Any]:
    """Remove what this collection made below a directory, and the directory if it is empty then."""
    paths = ours(root)
    if os.path.isdir(root) and not os.path.islink(root) and {f"{root}/{name}" for name in os.listdir(root)} <= {*paths}:
        paths.append(root)
    diff = [removal_diff(path) for path in paths]
    for path in [] if check_mode else paths:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    return {
        "changed": bool(paths),
        "actions": [f"remove {path}" for path in paths],
        "can_make_venvs": True,
        "releases": [],
        "diff": diff,
    }


def ours(root: str) -> list[str]:
    """Return the paths below a directory that this collection made."""
    names = sorted(os.listdir(root)) if os.path.isdir(root) else []
    versions = [name for name in names if _is_version(f"{root}/{name}")]
    beside = [f".{name}.{kind}" for name in versions for kind in ("log", "tmp")]
    found = [*versions, *(name for name in beside if name in names)]
    if python.FOLDER in names and os.path.isfile(f"{root}/{python.FOLDER}/{MARKER}"):
        found.append(python.FOLDER)
    if os.path.islink(f"{root}/{CURRENT}") and os.readlink(f"{root}/{CURRENT}") in versions:
        found.append(CURRENT)
    return [f"{root}/{name}" for name in found]


def _is_version(path: str) -> bool:
    """Return whether the module runtime made this environment, or began to."""
    if os.path.islink(path) or not os.path.isdir(path):
        return False
    return any(_is_marker(f"{path}/{name}") for name in (MARKER, UNFINISHED))


def _is_marker(path: str) -> bool:
    """Return whether a file has the digest of a request, or nothing as before the end of an installation."""
    text = read(path) if os.path.isfile(path) else None
    return text is not None and (bool(_DIGEST.match(text)) or (not text and path.endswith(UNFINISHED)))
