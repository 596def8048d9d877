# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: model_hosts
short_description: The hosts that need models, for a play that runs on them alone
version_added: "1.0.0"
description:
  - The hosts of the plan that have servers, and those that an entry of C(sglang_models) names in its C(hosts).
  - Without C(sglang_models), and without a plan, as in a syntax check, there are none.
positional: _input
options:
  _input:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Act on the hosts that need models
  hosts: "{{ hostvars | default({}) | multinode.sglang.model_hosts }}"
"""

RETURN = r"""
_value:
  description: Names of hosts.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import models


def model_hosts(hostvars: Mapping[str, Any]) -> list[str]:
    """Return the hosts of the plan with servers, then those that models name themselves."""
    for name in hostvars:
        plan = hostvars[name].get("sglang_plan_result")
        if plan is None:
            continue
        try:
            parsed = models.parse_models(hostvars[name].get("sglang_models", {}))
        except models.ModelError as error:
            raise AnsibleFilterError(str(error)) from error
        if not parsed:
            return []
        groups = hostvars[name]["groups"]
        named = [host for model in parsed.values() for entry in model.hosts for host in groups.get(entry, [entry])]
        return list(dict.fromkeys([*(host for host, entry in plan["hosts"].items() if entry["units"]), *named]))
    return []


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"model_hosts": model_hosts}
