# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of multinode.sglang.plan; the module of that name holds its documentation."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import to_dict
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Plan
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import ControllerAction, display
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks.variables import unknown
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import (
    HostVariables,
    Inventory,
    PlanError,
    build_plan,
    check_removed,
    check_whole_instances,
    parse_only,
    select,
    settled,
)
from ansible_collections.multinode.sglang.plugins.plugin_utils._report.plan import render_json, render_text


class ActionModule(ControllerAction):
    """Compute the plan on the controller, without a connection to any host."""

    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "variables": {"type": "dict", "default": {}},
        "deployments": {"type": "dict"},
        "sglang_version": {"type": "str"},
        "router_package": {"type": "str"},
        "router_version": {"type": "str", "default": ""},
        "ephemeral_ports": {"type": "str"},
        "reserved_ports": {"type": "str", "default": ""},
        "env": {"type": "dict", "default": {}},
        "models": {"type": "dict", "default": {}},
        "models_root": {"type": "str"},
        "models_port": {"type": "int"},
        "models_release": {"type": "str", "default": ""},
        "only": {"type": "str", "default": ""},
        "remove_hosts": {"type": "raw", "default": ""},
        "whole_instances": {"type": "bool", "default": False},
        "show": {"type": "str", "choices": ["none", "text", "json"], "default": "none"},
        "dest": {"type": "path"},
    }

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Return the plan."""
        try:
            plan = self._plan(options, variables)
        except PlanError as error:
            # Without the cause, which Ansible would print as well.
            sentences = "\n".join(error.sentences)
            raise AnsibleActionFail(f"The plan is refused; no host was touched.\n{sentences}") from None
        plain = to_dict(plan)
        # The text has them as well.
        for warning in plan.warnings if options["show"] != "text" else ():
            display.warning(warning)
        if options["show"] != "none":
            display.display(render_text(plan) if options["show"] == "text" else render_json(plan))
        changed = False
        if options["dest"]:
            try:
                changed = self._write(Path(options["dest"]), render_json(plan) + "\n")
            except OSError as error:
                where = f"sglang_plan_dest: {options['dest']} cannot be written ({error.strerror})"
                raise AnsibleActionFail(f"{where}; name a file in a directory that exists") from None
        return {**plain, "changed": changed}

    def _plan(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> Plan:
        names: dict[str, str] = {}
        inventory = Inventory(variables["groups"], functools.cache(lambda host: self._seen_by(host, names)))
        try:
            return self._plan_of(options, variables, inventory)
        finally:
            # Also beside a refusal, which a misspelt name may be the cause of.
            for sentence in unknown(names):
                display.warning(sentence)

    def _plan_of(self, options: Mapping[str, Any], variables: Mapping[str, Any], inventory: Inventory) -> Plan:
        check_removed(options["remove_hosts"], inventory.groups)
        deployments, settings = settled(options, options["variables"], inventory)
        whole = build_plan(deployments, inventory, settings)
        plan = select(whole, parse_only(options["only"], whole))
        if options["whole_instances"]:
            check_whole_instances(plan, variables.get("ansible_play_batch") or variables["ansible_play_hosts_all"])
        return plan

    def _seen_by(self, host: str, names: dict[str, str]) -> HostVariables:
        """Return the variables of a host as a task has them that runs there, whichever host this one runs on.

        names: gets each name, and the first host that has it.
        """
        manager = self._task.get_variable_manager()
        there = manager._inventory.get_host(host)
        raw = manager.get_vars(play=self._task.get_play(), host=there, task=self._task)
        names.update((name, host) for name in raw if name not in names)
        return HostVariables(
            host, raw, lambda value: self._templar.copy_with_new_env(available_variables=raw).template(value)
        )

    def _write(self, path: Path, text: str) -> bool:
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return False
        if not self._task.check_mode:
            # Secrets are not in it, but what else is in an environment is known to its owner only.
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        return True
