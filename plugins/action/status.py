# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of multinode.sglang.status; the module of that name holds its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.multinode.sglang.plugins.plugin_utils._status import Row, render, rows_of_host

display = Display()


class ActionModule(ActionBase):
    """Put what all hosts said of their units in one table."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print the table; fail where something is not as planned."""
        del tmp
        task_vars = task_vars or {}
        result = super().run(None, task_vars)
        _spec, args = self.validate_argument_spec(
            argument_spec={"plan": {"type": "dict", "required": True}, "register": {"type": "str", "required": True}}
        )
        rows = self._rows(args["plan"], args["register"], task_vars)
        display.display(render(rows))
        wrong = [row for row in rows if not row.well]
        result |= {"changed": False, "units": [row.as_dict() for row in rows]}
        if wrong:
            names = ", ".join(f"{row.instance} rank {row.rank} on {row.host} ({row.state})" for row in wrong)
            result |= {"failed": True, "msg": f"{len(wrong)} of {len(rows)} servers are not as planned: {names}"}
        return result

    def _rows(self, plan: Mapping[str, Any], register: str, task_vars: Mapping[str, Any]) -> list[Row]:
        present = set(task_vars["ansible_play_hosts_all"])
        return [
            row
            for name, host in plan["hosts"].items()
            if name in present
            for row in rows_of_host(host["units"], task_vars["hostvars"][name].get(register) or {})
        ]
