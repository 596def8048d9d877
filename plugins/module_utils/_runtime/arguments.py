# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module runtime, which its action plugin checks, too. PRIVATE to the collection."""

from __future__ import annotations

from typing import Any

ARGUMENTS: dict[str, Any] = {
    "distribution": {"type": "str", "default": "sglang"},
    "variables": {"type": "str", "default": "sglang_runtime"},
    "method": {"type": "str", "choices": ["install", "existing"], "default": "install"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "versions": {"type": "list", "elements": "str", "default": []},
    "root": {"type": "path"},
    "path": {"type": "path"},
    "current": {"type": "str"},
    "python": {"type": "str", "default": "auto"},
    "python_mirror": {"type": "str"},
    "installer": {"type": "str", "choices": ["pip", "uv"], "default": "pip"},
    "uv_version": {"type": "str", "default": "0.13.9"},
    "packages": {"type": "list", "elements": "str", "default": []},
    "packages_no_deps": {"type": "list", "elements": "str", "default": []},
    "constraints": {"type": "list", "elements": "str", "default": []},
    "wheelhouse": {"type": "path"},
    "index_url": {"type": "str", "default": "", "no_log": True},
    "wheels_only": {"type": "bool", "default": True},
    "lock": {"type": "str", "default": ""},
    "locks": {"type": "dict", "default": {}},
    "lock_digests": {"type": "dict", "default": {}},
    "installer_args": {"type": "list", "elements": "str", "default": []},
    "commands": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "where": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "words": {"type": "list", "elements": "str", "required": True},
            "environment": {"type": "dict", "default": {}},
            "hosts": {"type": "list", "elements": "str", "default": []},
        },
    },
    "free_gib": {"type": "float", "default": 0},
}
RULES: dict[str, Any] = {
    "required_if": [
        ("method", "existing", ("path",)),
        ("method", "install", ("root",)),
        ("state", "present", ("versions",)),
        ("state", "absent", ("root",)),
    ]
}
