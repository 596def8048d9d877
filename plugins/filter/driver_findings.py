# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: driver_findings
short_description: Says what is wrong with NVIDIA's driver on a host
version_added: "1.0.0"
description:
  - Judges what M(multinode.sglang.node_info) saw. A host without a GPU of NVIDIA's is right.
positional: _input, host
options:
  _input:
    description: A host, as RV(multinode.sglang.node_info#module:node) tells it, with at least C(gpu) and C(driver).
    type: dict
    required: true
  host:
    description: Its name.
    type: str
    required: true
  minimum:
    description: The oldest version that is right.
    type: str
    required: true
  branch:
    description: The only branch that is right, such as V(580); empty is any.
    type: str
    default: ""
  version:
    description: The only version that is right; empty is any.
    type: str
    default: ""
  open_modules:
    description: Whether the open kernel modules shall be loaded; null is either.
    type: bool
  fabric_manager:
    description: Whether a host with NVSwitches needs the fabric manager.
    type: bool
    default: true
  ibgda:
    description: Whether the module needs the parameters of IBGDA.
    type: bool
    default: false
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Refuse an old driver
  ansible.builtin.assert:
    that: findings | length == 0
    fail_msg: "{{ findings | map(attribute='text') | join('. ') }}"
  vars:
    findings: "{{ host_node.node | multinode.sglang.driver_findings(inventory_hostname, minimum='580.65.06') }}"
"""

RETURN = r"""
_value:
  description:
    - Findings, each with C(check), C(host), C(seen), C(needed), C(remedy), C(text), a sentence of all of them, and C(cure), which is
      V(install), V(reboot) or V(user).
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import driver


def driver_findings(node: dict[str, Any], host: str, **wanted: Any) -> list[dict[str, str]]:
    """Return what is wrong."""
    return [finding.told(host) for finding in driver.findings(node, driver.Wanted(**wanted))]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"driver_findings": driver_findings}
