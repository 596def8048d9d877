# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_reach
short_description: Return the addresses that must reach a host of the plan
version_added: 1.0.0
description:
  - The rules of a plan refer to sets of peers, such as C(instance llama-0@node1), because many rules have the same
    peers. This filter returns the rules of one host with the addresses of these peers.
positional: _input, host
options:
  _input:
    description: The plan, as M(multinode.sglang.plan) returns it.
    type: dict
    required: true
  host:
    description: The name of the host. A host that is not in the plan has no rules.
    type: str
    required: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Show who must reach this host
  ansible.builtin.debug:
    msg: "{{ sglang_plan_result | multinode.sglang.plan_reach(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description:
    - A rule for each purpose, with C(sources), C(ports), C(protocol) and C(why).
    - C(sources) is a list of addresses, V(clients) for the users of the service, or V(scrapers) for the collectors of
      metrics.
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.reach import expand


def plan_reach(plan: Mapping[str, Any], host: str) -> list[dict[str, Any]]:
    """Return the rules of a host."""
    return expand(plan, host) if host in plan["hosts"] else []


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"plan_reach": plan_reach}
