# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_hosts
short_description: Return the hosts of the plan, as the hosts of a play
version_added: 1.0.0
description:
  - A task costs the controller time on every host of a play, even where it is skipped. So a play should name only the
    hosts that it needs.
  - Without a plan, as in a syntax check, there are no hosts.
positional: _input, kind, register
options:
  _input:
    description:
      - The variables of all hosts, C(hostvars). The plan is in C(sglang_plan_result) of each host that computed it.
    type: dict
    required: true
  kind:
    description:
      - Return only hosts with servers (V(units)), routers (V(routers)) or models (V(releases)) of the deployments that
        are acted on. V(releases) includes hosts that only mount the source of a model.
      - V(left) returns hosts of the inventory that were in the plan of an earlier deploy and have left it. The hosts
        of the plan must have registered the result of M(multinode.sglang.unit_info) before, see O(register).
    type: str
    choices: [units, routers, releases, left]
  register:
    description: The variable with the result of M(multinode.sglang.unit_info), for V(left).
    type: str
    default: ""
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Restart the servers
  hosts: "{{ hostvars | default({}) | multinode.sglang.plan_hosts('units') }}"
"""

RETURN = r"""
_value:
  description: Names of hosts in the order of the plan.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._results import left_hosts

KEYS = {"units": ("units",), "routers": ("routers",), "releases": ("releases", "mounts")}


def plan_hosts(hostvars: Mapping[str, Any], kind: str | None = None, register: str = "") -> list[str]:
    """Return the hosts of the plan that any host has, none without a plan."""
    if kind == "left":
        return left_hosts(hostvars, register)
    for name in hostvars:
        plan = hostvars[name].get("sglang_plan_result")
        if plan is not None:
            return [
                host for host, entry in plan["hosts"].items() if kind is None or any(entry[key] for key in KEYS[kind])
            ]
    return []


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"plan_hosts": plan_hosts}
