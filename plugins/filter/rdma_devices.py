# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: rdma_devices
short_description: Says which RDMA device each GPU of a host uses
version_added: "1.0.0"
description:
  - Takes the usable device that is nearest to each GPU. GPUs with the same devices near them take turns.
  - Names of devices differ between hosts and may change with a restart, so the result is for one host and one start.
positional: _input
options:
  _input:
    description: A host, as RV(multinode.sglang.node_info#module:node) tells it, with at least C(rdma) and C(gpu).
    type: dict
    required: true
  devices:
    description: Names or patterns of devices that may be used; empty is all.
    type: list
    elements: str
    default: []
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Show the devices of this host
  ansible.builtin.debug:
    msg: "{{ host_node.node | multinode.sglang.rdma_devices }}"
"""

RETURN = r"""
_value:
  description:
    - C(by_gpu), number of a GPU to its device, C(ib_device) for C(--disaggregation-ib-device), C(nccl_ib_hca) for C(NCCL_IB_HCA), and
      C(ucx_net_devices) for C(UCX_NET_DEVICES). A text is empty where there is no usable device. Then the variable must stay unset.
  type: dict
"""

from collections.abc import Iterable
from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import rdma


def rdma_devices(node: dict[str, Any], devices: Iterable[str] = ()) -> dict[str, Any]:
    """Return the devices."""
    return rdma.devices(node, devices)


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"rdma_devices": rdma_devices}
