# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: nccl_findings
short_description: Says what is wrong with the NCCL that servers load
version_added: "1.0.0"
description:
  - Judges what M(multinode.sglang.node_info) saw. What counts is every library that a running server has loaded, and the one that the
    next server will load, which is a named library, else the runtime's, else the system's.
positional: _input, host
options:
  _input:
    description: A host, as RV(multinode.sglang.node_info#module:node) tells it, with at least C(nccl) and C(kernel).
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
  denylist:
    description:
      - Versions that are wrong though they are new enough. Each has C(versions), such as V(>=2.28\, <2.29.3), C(reason), and optionally
        C(machines), where it matters, and C(use), what to take instead.
    type: list
    elements: dict
    default: []
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Refuse an old NCCL
  ansible.builtin.assert:
    that: findings | length == 0
    fail_msg: "{{ findings | map(attribute='text') | join('. ') }}"
  vars:
    findings: "{{ host_node.node | multinode.sglang.nccl_findings(inventory_hostname, minimum='2.28.3') }}"
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

from ansible.errors import AnsibleFilterError
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import nccl


def nccl_findings(
    node: dict[str, Any], host: str, minimum: str, denylist: list[dict[str, Any]] | None = None
) -> list[dict[str, str]]:
    """Return what is wrong."""
    try:
        return [finding.told(host) for finding in nccl.findings(node, minimum, denylist or [])]
    except ValueError as error:
        raise AnsibleFilterError(f"denylist of NCCL: {error}") from error


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"nccl_findings": nccl_findings}
