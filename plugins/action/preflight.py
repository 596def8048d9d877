# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of multinode.sglang.preflight; the module of that name holds its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import host as host_checks
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import names as name_checks
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import peers, same
from ansible_collections.multinode.sglang.plugins.plugin_utils._report import preflight

display = Display()
OPTIONS = {
    "plan": {"type": "dict", "required": True},
    "register": {"type": "str", "required": True},
    "register_reach": {"type": "str", "required": True},
    "register_listening": {"type": "str", "required": True},
    "register_findings": {"type": "dict", "default": {}},
    "gpus": {"type": "bool", "default": True},
    "same": {"type": "list", "elements": "str", "required": True},
    "room_gib": {"type": "dict", "default": {}},
    "resolver_seconds": {"type": "float", "default": 2},
    "clock_seconds": {"type": "float", "default": 1},
}


class ActionModule(ActionBase):
    """Put what all hosts said in one table, and judge it."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print tables and sentences."""
        del tmp
        task_vars = task_vars or {}
        result = super().run(None, task_vars)
        _spec, args = self.validate_argument_spec(argument_spec=OPTIONS)
        hosts, different = judge(args, task_vars["hostvars"], task_vars["ansible_play_hosts_all"])
        tables, wrong, told = preflight.render(hosts, different)
        display.display(tables)
        for text in told:
            display.warning(text)
        for text in wrong:
            display.display(f"WRONG  {text}", color=C.COLOR_ERROR)
        bad = [host for host in hosts if host.grave]
        right = f"{len(hosts) - len(bad)} of {len(hosts)} hosts are right"
        display.display(right, color=C.COLOR_ERROR if bad else C.COLOR_OK)
        result |= {"changed": False, "findings": [finding for host in hosts for _area, finding in host.findings]}
        result["hosts"] = {host.name: host.grave == 0 for host in hosts}
        result["msg"] = right + (f"; wrong: {', '.join(f'{host.name} ({host.grave})' for host in bad)}" if bad else "")
        return result


def judge(
    args: Mapping[str, Any], hostvars: Mapping[str, Any], present: list[str]
) -> tuple[list[preflight.Host], list[same.Difference]]:
    """Return the hosts of the plan that take part in the play with all that is wrong, and what differs between them."""
    plan = args["plan"]
    names = [name for name in plan["hosts"] if name in set(present)]
    said = {name: hostvars[name] for name in names}
    nodes = {
        name: said[name][args["register"]]["node"]
        for name in names
        if "node" in (said[name].get(args["register"]) or {})
    }
    reach = {
        name: said[name][args["register_reach"]]
        for name in names
        if "reached" in (said[name].get(args["register_reach"]) or {})
    }
    wanted = host_checks.Wanted(args["gpus"], args["room_gib"], args["resolver_seconds"], args["clock_seconds"])
    different = same.differences(plan, nodes, args["same"])
    beside = (
        same.findings(different, nodes),
        peers.findings(plan, reach, args["clock_seconds"]),
        name_checks.findings(nodes),
    )
    hosts = []
    for name in names:
        node = nodes.get(name)
        ours = (said[name].get(args["register_listening"]) or {}).get("pid")
        own = (
            host_checks.findings(node, plan["hosts"][name], plan["ephemeral_ports"], wanted, ours)
            if node
            else [host_checks.silent()]
        )
        found = preflight.tell(name, [*own, *(entry for by_host in beside for entry in by_host.get(name, []))])
        for area, variable in args["register_findings"].items():
            found += [(area, {"area": area, **entry}) for entry in said[name].get(variable) or []]
        hosts.append(preflight.Host(name, node, reach.get(name), found))
    return hosts, different
