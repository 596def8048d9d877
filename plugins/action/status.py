# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put what all hosts returned about their units in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few
from ansible_collections.multinode.sglang.plugins.plugin_utils import _results as results
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import ControllerAction, display
from ansible_collections.multinode.sglang.plugins.plugin_utils._report.status import Row, render, rows_of_host


class ActionModule(ControllerAction):
    """Action plugin of M(multinode.sglang.status)."""

    ARGUMENTS: ClassVar[Mapping[str, Any]] = {
        "register": {"type": "str", "required": True},
    }

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Print the table; fail where a unit is not ready."""
        present = set(variables["ansible_play_hosts_all"])
        rows: list[Row] = []
        for name, host in results.plan_of(variables)["hosts"].items():
            if name in present:
                rows += rows_of_host(host, variables["hostvars"][name].get(options["register"]) or {})
        display.display(render(rows))
        result = {"changed": False, "units": [row.as_dict() for row in rows]}
        bad = [row.title for row in rows if not row.ready]
        if bad:
            text = f"{len(bad)} of {len(rows)} servers and routers are not ready: {first_few(bad)}"
            return {**result, "failed": True, "msg": text}
        return result
