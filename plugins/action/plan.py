# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of multinode.sglang.plan; the module of that name holds its documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import (
    Inventory,
    PlanError,
    Settings,
    build_plan,
    check_whole_instances,
    parse_only,
    select,
)
from ansible_collections.multinode.sglang.plugins.plugin_utils._report.plan import render_text

display = Display()

ARGUMENTS = {
    "deployments": {"type": "dict", "required": True},
    "sglang_version": {"type": "str", "required": True},
    "env": {"type": "dict", "default": {}},
    "ephemeral_ports": {"type": "str", "default": "32768-60999"},
    "reserved_ports": {"type": "str", "default": ""},
    "router_package": {"type": "str", "default": "sglang-router"},
    "router_version": {"type": "str", "default": "0.3.2"},
    "models": {"type": "dict", "default": {}},
    "models_root": {"type": "str", "default": "/data/models"},
    "only": {"type": "str", "default": ""},
    "whole_instances": {"type": "bool", "default": False},
    "show": {"type": "str", "choices": ["none", "text", "json"], "default": "none"},
    "dest": {"type": "path"},
}


def as_json(plan: Mapping[str, Any]) -> str:
    """Return the plan as text for programs."""
    return json.dumps(plan, indent=2)


class ActionModule(ActionBase):
    """Compute the plan on the controller, without a connection to any host."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the plan beside the usual keys of a result."""
        del tmp
        task_vars = task_vars or {}
        result = super().run(None, task_vars)
        _spec, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        try:
            plan = self._plan(args, task_vars)
        except PlanError as error:
            raise AnsibleActionFail(
                "\n".join(("The plan is refused; no host was touched.", *error.sentences))
            ) from error
        for warning in plan["warnings"]:
            display.warning(warning)
        if args["show"] != "none":
            display.display(render_text(plan) if args["show"] == "text" else as_json(plan))
        changed = self._write(Path(args["dest"]), as_json(plan) + "\n") if args["dest"] else False
        return {**result, **plan, "changed": changed}

    def _plan(self, args: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        hostvars = task_vars["hostvars"]
        inventory = Inventory(groups=task_vars["groups"], variables=hostvars.__getitem__)
        settings = Settings(
            args["sglang_version"],
            args["env"],
            args["ephemeral_ports"],
            args["reserved_ports"],
            args["router_package"],
            args["router_version"],
            args["models"],
            args["models_root"],
        )
        whole = build_plan(args["deployments"], inventory, settings)
        plan = select(whole, parse_only(args["only"], whole))
        if args["whole_instances"]:
            check_whole_instances(plan, task_vars.get("ansible_play_batch") or task_vars["ansible_play_hosts_all"])
        return plan

    def _write(self, path: Path, text: str) -> bool:
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return False
        if not self._task.check_mode:
            path.write_text(text, encoding="utf-8")
        return True
