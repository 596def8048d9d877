# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options deployments and models of the module plan, made of the keys that the plan checks. PRIVATE."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import keys

TYPES = {"int": "int", "port": "int", "bool": "bool", "str": "str", "hosts": "raw", "devices": "raw", "options": "raw"}


def suboptions(table: Sequence[keys.Key]) -> dict[str, Any]:
    """Return keys as ansible-doc has them."""
    found: dict[str, Any] = {}
    for key in table:
        described = [key.text, *([f"Default is {key.default}."] if key.default else [])]
        found[key.name] = {"description": described, "type": TYPES.get(key.kind, "dict")}
        if key.required:
            found[key.name]["required"] = True
        if below := keys.below(key):
            found[key.name]["suboptions"] = suboptions(below)
    return found


def named(what: str, described: str, table: Sequence[keys.Key]) -> dict[str, Any]:
    """Return an option that maps names to keys."""
    one = {"description": f"The settings of one {what}. Write its name instead of NAME.", "type": "dict"}
    return {"description": described, "type": "dict", "suboptions": {"NAME": {**one, "suboptions": suboptions(table)}}}


class ModuleDocFragment:
    """What is served where, and the models that it serves."""

    DOCUMENTATION: ClassVar[str] = json.dumps(
        {
            "options": {
                "deployments": named(
                    "deployment",
                    "What is served where, C(sglang_deployments). The keys are names of deployments.",
                    keys.DEPLOYMENT,
                ),
                "models": {
                    **named(
                        "model", "The models that deployments may name, C(sglang_models), by their names.", keys.MODEL
                    ),
                    "default": {},
                },
            }
        }
    )
