#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: status
short_description: Print what all hosts run beside what the plan says
version_added: 1.0.0
description:
  - Prints one table of all ranks of all instances and of all routers, and fails where one of them is not ready.
  - It runs on the controller and reads what M(multinode.sglang.instance_state) and M(multinode.sglang.router_state) returned on
    each host.
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
    description: The variable in which each host registered the result of M(multinode.sglang.instance_state).
    type: str
    required: true
  register_routers:
    description:
      - The variable in which each host with routers registered the result of M(multinode.sglang.router_state).
      - Without it the table has no routers.
    type: str
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Show the servers
  multinode.sglang.status:
    plan: "{{ sglang_plan_result }}"
    register: servers
    register_routers: routers
  run_once: true
"""

RETURN = r"""
units:
  description: One entry for each rank of each instance, and for each router, whose instance is V(router) and whose rank is V(-).
  returned: always
  type: list
  elements: dict
  sample:
    - deployment: llama
      instance: llama-0
      rank: 0
      host: node1
      state: ready
      since: Sat 2026-11-21 10:00:00 UTC
      error: ""
"""
