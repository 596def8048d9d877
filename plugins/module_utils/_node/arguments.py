# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module node_info, which its action plugin checks, too. PRIVATE to the collection."""

from __future__ import annotations

from typing import Any

from .gather import SECTIONS

ARGUMENTS: dict[str, Any] = {
    "gather": {"type": "list", "elements": "str", "choices": ["all", *SECTIONS], "default": ["all"]},
    "cluster_address": {"type": "str"},
    "names": {"type": "list", "elements": "str", "default": []},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "paths": {"type": "list", "elements": "path", "default": []},
    "files": {"type": "list", "elements": "path", "default": []},
    "runtimes": {"type": "list", "elements": "path", "default": []},
    "nccl_libraries": {"type": "list", "elements": "path", "default": []},
    "timeout": {"type": "float", "default": 5},
}
