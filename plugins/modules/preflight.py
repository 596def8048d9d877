#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Report whether the hosts of the plan can serve
version_added: 1.0.0
description:
  - Prints a table with a row for each host, the differences between the hosts of a deployment, and one sentence for
    each finding, with the host, what was found, what was expected, and the fix. Findings do not fail this module.
  - It runs on the controller, once for all hosts of the play that are in the plan. It reads the variables that the
    roles have registered on each host. C(sglang_plan_result) and C(node_facts_result) are required.
    C(sglang_runtime_result), C(preflight_listeners), C(preflight_connections), C(nvidia_driver_check), C(nccl_check)
    and C(rdma_check) are optional.
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: full
options:
  gpus:
    description: Whether the planned GPUs must be present and idle.
    type: bool
    default: true
  same:
    description: What must be the same on all hosts of a deployment. A different V(kernel) is only a warning.
    type: list
    elements: str
    choices: [machine, gpu, driver, nccl, runtime, sysctl, mtu, kernel]
    default: [machine, gpu, driver, nccl, runtime, sysctl, mtu, kernel]
  free_gib:
    description: Directories and the free space in GiB that each must have. C(node_facts_paths) must list them.
    type: dict
    default: {}
  install_gib:
    description:
      - Directories and the free space in GiB that each release of SGLang needs which is still to be installed.
        C(node_facts_paths) must list them.
    type: dict
    default: {}
  resolver_seconds:
    description: How long in seconds a reverse lookup may take.
    type: float
    default: 2
  clock_seconds:
    description: How far in seconds a clock may be off.
    type: float
    default: 1
  prune:
    description:
      - Whether a deploy stops the units of this collection that are not in the plan any more. Then the ports and GPUs
        that they use count as free.
    type: bool
    default: true
seealso:
  - module: multinode.sglang.host_check
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Report the findings of all hosts
  multinode.sglang.preflight:
    same: [driver, nccl, mtu]
    free_gib: {/var/lib: 5}
  run_once: true
  register: preflight_result
"""

RETURN = r"""
msg:
  description: How many hosts are ok, and which failed.
  returned: always
  type: str
  sample: "30 of 32 hosts are ok; failed: gpu02 (1 error), gpu17 (3 errors)"
hosts:
  description: Whether each host is ok. A warning does not count.
  returned: always
  type: dict
  sample: {gpu01: true, gpu02: false}
findings:
  description: All findings, as M(multinode.sglang.host_check) returns them.
  returned: always
  type: list
  elements: dict
  sample:
    - host: gpu02
      area: mtu
      check: same_mtu
      found: MTU 1500
      expected: 9000, as on gpu01, gpu03
      fix: sudo ip link set eth0 mtu 9000, and in netplan or node_tuning_mtu
      fixed_by: user
      severity: error
      text: >-
        gpu02  MTU 1500 (expected 9000, as on gpu01, gpu03). Fix: sudo ip link set eth0 mtu 9000, and in netplan or
        node_tuning_mtu
"""
