# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed in the virtual environments of servers. PRIVATE to the collection."""

from __future__ import annotations

import os
from typing import Any

from .._base import packages
from .._base.host import Root


def gather(root: Root, runtimes: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return version and digest of each environment that exists."""
    found = []
    for path in runtimes:
        found_packages = packages.installed(os.path.realpath(root.path(path)))
        if found_packages:
            found.append(
                {"path": path, "sglang": found_packages.get("sglang"), "digest": packages.digest(found_packages)}
            )
    return found, []
