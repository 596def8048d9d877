# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: rdma_findings
short_description: Says what is wrong with RDMA on a host
version_added: "1.0.0"
description:
  - Judges what M(multinode.sglang.node_info) saw. A host without RDMA devices is right, unless O(required) or O(devices) say otherwise.
positional: _input, host
options:
  _input:
    description: A host, as RV(multinode.sglang.node_info#module:node) tells it, with at least C(rdma), C(gpu) and C(driver).
    type: dict
    required: true
  host:
    description: Its name.
    type: str
    required: true
  required:
    description: Whether there must be a device.
    type: bool
    default: false
  devices:
    description: Names or patterns of devices, each of which must be there and active. Empty judges all that are there.
    type: list
    elements: str
    default: []
  minimum_rate:
    description: Lowest rate of a port in Gbit/s.
    type: float
    default: 0
  minimum_mtu:
    description: Lowest RDMA MTU of a port.
    type: int
    default: 0
  peermem:
    description: Whether C(nvidia_peermem) must be loaded on a host with GPUs; otherwise DMA-BUF is enough.
    type: bool
    default: true
  environments:
    description:
      - Environments of the units on this host. An index in C(NCCL_IB_GID_INDEX), C(NVSHMEM_IB_GID_INDEX), C(MC_GID_INDEX) or
        C(UCX_IB_GID_INDEX) must be that of a GID which other hosts reach.
    type: list
    elements: dict
    default: []
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Refuse a broken link
  ansible.builtin.assert:
    that: findings | length == 0
    fail_msg: "{{ findings | map(attribute='text') | join('. ') }}"
  vars:
    findings: "{{ host_node.node | multinode.sglang.rdma_findings(inventory_hostname, required=true) }}"
"""

RETURN = r"""
_value:
  description:
    - Findings, each with C(check), C(host), C(seen), C(needed), C(remedy), C(text), a sentence of all of them, and C(cure), which is
      V(install), V(reboot) or V(user).
  type: list
  elements: dict
"""

from collections.abc import Iterable
from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import rdma


def rdma_findings(
    node: dict[str, Any],
    host: str,
    devices: Iterable[str] = (),
    environments: Iterable[dict[str, str]] = (),
    **wanted: Any,
) -> list[dict[str, str]]:
    """Return what is wrong."""
    judged = rdma.Wanted(devices=tuple(devices), gid_indexes=rdma.gid_indexes(environments), **wanted)
    return [finding.told(host) for finding in rdma.findings(node, judged)]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"rdma_findings": rdma_findings}
