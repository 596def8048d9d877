# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: stale_units
short_description: Return the servers of a host whose instance must restart
version_added: 1.0.0
description:
  - The ranks of an instance only restart together. So a server is in the result if the unit of any rank of its instance
    is stale, on any host.
positional: _input, results, variable
options:
  _input:
    description: The servers of one host, C(units) in RV(multinode.sglang.plan#module:hosts).
    type: list
    elements: dict
    required: true
  results:
    description: The variables of all hosts, usually C(hostvars).
    type: dict
    required: true
  variable:
    description: Name of the variable in which each host registered the result of M(multinode.sglang.units).
    type: str
    required: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Show which servers of this host must restart
  ansible.builtin.debug:
    msg: "{{ servers | multinode.sglang.stale_units(hostvars, 'sglang_servers') }}"
  vars:
    servers: "{{ sglang_plan_result.hosts[inventory_hostname].units }}"
"""

RETURN = r"""
_value:
  description:
    - The servers to restart, in the order of the input. C(rank) is the one with which a server runs, where it runs,
      because leaders stop before their followers.
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any


def stale_units(units: list[dict[str, Any]], results: Mapping[str, Any], variable: str) -> list[dict[str, Any]]:
    """Return the units whose instance has a stale rank on any host, with the rank that runs."""

    def is_stale(name: str, host: str) -> bool:
        if host not in results or variable not in results[host]:
            return False
        return name in results[host][variable].get("stale", [])

    def running(unit: dict[str, Any]) -> int:
        known = results.get(unit["host"], {}).get(variable, {}).get("units", {}).get(unit["name"], {}).get("rank")
        return int(unit["rank"] if known is None else known)

    stale = [unit for unit in units if any(is_stale(unit["name"], rank["host"]) for rank in unit["ranks"])]
    return [{**unit, "rank": running(unit)} for unit in stale]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"stale_units": stale_units}
