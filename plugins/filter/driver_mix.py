# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: driver_mix
short_description: Says which deployments have hosts with different drivers
version_added: "1.0.0"
description:
  - Compares the versions of NVIDIA's driver on all hosts of each deployment of the plan.
positional: _input, deployments
options:
  _input:
    description: Host to what RV(multinode.sglang.node_info#module:node) tells of it. A host without a driver is left out.
    type: dict
    required: true
  deployments:
    description: The deployments, as RV(multinode.sglang.plan#module:deployments) gives them.
    type: dict
    required: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Refuse a mix
  ansible.builtin.assert:
    that: mix | length == 0
    fail_msg: "{{ mix | join('. ') }}"
  vars:
    mix: "{{ {'node1': first, 'node2': second} | multinode.sglang.driver_mix(sglang_plan_result.deployments) }}"
"""

RETURN = r"""
_value:
  description: A sentence for each deployment whose hosts differ.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import driver


def driver_mix(nodes: Mapping[str, dict[str, Any]], deployments: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return a sentence for each deployment whose hosts differ."""
    hosts = [
        (name, [rank["host"] for one in entry["instances"] for rank in one["ranks"]])
        for name, entry in deployments.items()
    ]
    return driver.mix(nodes, hosts)


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"driver_mix": driver_mix}
