#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Says of all hosts at once whether a model can be served there
version_added: "1.0.0"
description:
  - Prints a line for each host, what differs between the hosts of a deployment, and for each thing that is wrong a sentence with the host,
    what was seen, what is needed, and the command that mends it. What is wrong is no error of this module.
  - It runs on the controller and reads what other modules returned on each host of the play that is in the plan.
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
  plan:
    description: What M(multinode.sglang.plan) returned.
    type: dict
    required: true
  register:
    description: The variable in which each host registered the result of M(multinode.sglang.node_info).
    type: str
    required: true
  register_reach:
    description: The variable in which each host registered the result of M(multinode.sglang.peer_check).
    type: str
    required: true
  register_listening:
    description: The variable in which each host registered the result of M(multinode.sglang.peer_listen).
    type: str
    required: true
  register_findings:
    description: Area to the variable in which each host has what a filter such as P(multinode.sglang.driver_findings#filter) found.
    type: dict
    default: {}
  gpus:
    description: Whether the planned GPUs must be there and idle.
    type: bool
    default: true
  same:
    description:
      - What must be the same on all hosts of a deployment, of V(machine), V(gpu), V(driver), V(nccl), V(runtime), V(sysctl), V(mtu) and
        V(kernel), which is a warning.
    type: list
    elements: str
    required: true
  room_gib:
    description: Directory to the room in GiB that it must have. M(multinode.sglang.node_info) must have looked there.
    type: dict
    default: {}
  resolver_seconds:
    description: How long in seconds the resolver may take.
    type: float
    default: 2
  clock_seconds:
    description: How far in seconds a clock may be off.
    type: float
    default: 1
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Say what is wrong
  multinode.sglang.preflight:
    plan: "{{ sglang_plan_result }}"
    register: node_facts_result
    register_reach: preflight_reach
    register_listening: preflight_listening
    same: [driver, nccl, mtu]
  run_once: true
"""

RETURN = r"""
msg:
  description: The verdict.
  returned: always
  type: str
  sample: "30 of 32 hosts are right; wrong: gpu02 (1), gpu17 (3)"
hosts:
  description: Whether each host is right.
  returned: always
  type: dict
  sample: {gpu01: true, gpu02: false}
findings:
  description: Everything that is not as it must be; what is not C(grave) is a warning only.
  returned: always
  type: list
  elements: dict
  sample:
    - area: mtu
      check: same_mtu
      host: gpu02
      seen: MTU is 1500
      needed: 9000, as on gpu01, gpu03,
      remedy: sudo ip link set eth0 mtu 9000, and in netplan or node_tuning_mtu
      text: "gpu02: MTU is 1500, but 9000, as on gpu01, gpu03, is needed; sudo ip link set eth0 mtu 9000, and in netplan or node_tuning_mtu"
      cure: user
      grave: true
"""
