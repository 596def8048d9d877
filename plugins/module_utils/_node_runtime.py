# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed in the virtual environments that servers run from. PRIVATE to the collection."""

from __future__ import annotations

import os
from typing import Any

from . import _packages
from ._node_reader import Root


def gather(root: Root, runtimes: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return version and digest of each environment that is there."""
    found = []
    for path in runtimes:
        packages = _packages.installed(os.path.realpath(root.path(path)))
        if packages:
            found.append({"path": path, "sglang": packages.get("sglang"), "digest": _packages.digest(packages)})
    return found, []
