# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of multinode.sglang.status; the module of that name holds its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.multinode.sglang.plugins.plugin_utils._report.status import (
    Row,
    render,
    rows_of_host,
    rows_of_routers,
)

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
            argument_spec={
                "plan": {"type": "dict", "required": True},
                "register": {"type": "str", "required": True},
                "register_routers": {"type": "str"},
            }
        )
        rows = self._rows(args["plan"], args["register"], args["register_routers"], task_vars)
        display.display(render(rows))
        wrong = [row for row in rows if not row.well]
        result |= {"changed": False, "units": [row.as_dict() for row in rows]}
        if wrong:
            kinds = "servers and routers" if args["register_routers"] else "servers"
            names = ", ".join(row.title for row in wrong)
            result |= {"failed": True, "msg": f"{len(wrong)} of {len(rows)} {kinds} are not as planned: {names}"}
        return result

    def _rows(
        self, plan: Mapping[str, Any], register: str, register_routers: str | None, task_vars: Mapping[str, Any]
    ) -> list[Row]:
        rows = []
        present = set(task_vars["ansible_play_hosts_all"])
        for name, host in plan["hosts"].items():
            if name not in present:
                continue
            said = task_vars["hostvars"][name]
            rows += rows_of_host(host["units"], said.get(register) or {})
            if register_routers:
                rows += rows_of_routers(host["routers"], said.get(register_routers) or {})
        return rows
