# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gather the facts of a host, and compare its clock with the controller's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.multinode.sglang.plugins.module_utils._node import arguments
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import CollectionAction


class ActionModule(CollectionAction):
    """Action plugin of M(multinode.sglang.node_info)."""

    ARGUMENTS: ClassVar[Mapping[str, Any]] = arguments.ARGUMENTS

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Return what the module found; when it was asked and when it answered costs nothing to note."""
        given = {name: value for name, value in options.items() if value is not None}
        asked = time.time()
        result = self.remote("node_info", given, variables)
        answered = time.time()
        clock = (result.get("node") or {}).get("clock")
        if clock:
            clock["controller"] = {"ahead": clock["epoch"] - (asked + answered) / 2, "took": answered - asked}
        return result
