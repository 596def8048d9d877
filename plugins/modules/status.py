#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: status
short_description: Print a table of all servers and routers, and return whether all are ready
version_added: 1.0.0
description:
  - Print one table of all ranks of all instances and of all routers of the plan, and return whether all of them are
    ready.
  - It runs on the controller and reads the results of M(multinode.sglang.unit_info) on all hosts. The plan is in
    C(sglang_plan_result), which the role C(sglang_plan) registers.
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
  register:
    description: Variable in which each host registered the result of M(multinode.sglang.unit_info).
    type: str
    required: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Gather the state of this host's servers and routers
  multinode.sglang.unit_info:
    servers: "{{ sglang_plan_result.hosts[inventory_hostname].units }}"
    routers: "{{ sglang_plan_result.hosts[inventory_hostname].routers }}"
  register: sglang_units

- name: Print a table of all servers and routers
  multinode.sglang.status:
    register: sglang_units
  run_once: true
"""

RETURN = r"""
ready:
  description: Whether all of them are ready, run what the plan says, and are in the plan.
  returned: always
  type: bool
  sample: true
msg:
  description: How many are ready, or which ones are not.
  returned: always
  type: str
  sample: 3 servers and routers are ready as planned
units:
  description:
    - One entry for each rank of each instance and for each router. The instance of a router is V(router), its rank
      V(-).
    - C(digest) is the shortened digest of what runs. If the next start differs, C(->) and its digest follow.
  returned: always
  type: list
  elements: dict
  sample:
    - deployment: llama
      instance: llama-0@node1
      rank: 0
      host: node1
      state: ready
      digest: 3f1c9a2b
      since: Sat 2026-11-21 10:00:00 UTC
      error: ""
"""
