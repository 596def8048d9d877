# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ready
short_description: Wait until the servers or the routers of a host answer
version_added: 1.0.0
description:
  - Wait until the units of a host are active, and the leader of each instance has returned a real completion. A router
    is ready when it lists exactly the workers of the plan, all healthy, and a completion came back through it.
  - Print what each unit does about every 15 seconds. A unit that fails ends the wait at once, on all hosts of its
    instance, with the last lines of its journal.
  - With O(bootstrap), wait on a decode host until the bootstrap server of every prefill instance answers and lists all
    its ranks.
  - If all units are ready, this takes one remote call for each host.
  - Check mode does not wait.
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
  servers:
    description: The servers of this host, C(units) in RV(multinode.sglang.plan#module:hosts).
    type: list
    elements: dict
  routers:
    description: The routers of this host, C(routers) in RV(multinode.sglang.plan#module:hosts).
    type: list
    elements: dict
  bootstrap:
    description:
      - The bootstrap servers of the deployments that this host decodes for, C(bootstrap) in
        RV(multinode.sglang.plan#module:deployments).
      - Exactly one of O(servers), O(routers) and O(bootstrap) is required.
    type: list
    elements: dict
  started:
    description: Names of units that this play has started. An automatic restart of one of them is a failure.
    type: list
    elements: str
    default: []
  timeout:
    description: How long in seconds to wait.
    type: float
    default: 1800
  slice:
    description: How long in seconds one remote call waits for a change.
    type: float
    default: 5
  probe_timeout:
    description: How long in seconds a completion may take.
    type: float
    default: 60
  lines:
    description: Number of lines of the journal to print for a unit that has failed.
    type: int
    default: 20
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Wait until the servers of this host answer
  multinode.sglang.ready:
    servers: "{{ sglang_plan_result.hosts[inventory_hostname].units }}"
    timeout: 900

- name: Wait until the routers of this host answer for all instances
  multinode.sglang.ready:
    routers: "{{ sglang_plan_result.hosts[inventory_hostname].routers }}"

- name: Wait on a decode host until all ranks of prefill have registered
  multinode.sglang.ready:
    bootstrap: "{{ sglang_plan_result.deployments['deepseek-r1'].bootstrap }}"
    timeout: 30
"""

RETURN = r"""
units:
  description: State of each unit by name, as M(multinode.sglang.unit_info) returns it.
  returned: always
  type: dict
  sample: {"sglang-llama-0": {"phase": "ready", "active": "active", "answer": " Paris"}}
bootstrap:
  description: What each bootstrap server lists, as M(multinode.sglang.unit_info) returns it.
  returned: always
  type: dict
  sample: {}
seconds:
  description: How long in seconds the wait took.
  returned: always
  type: float
  sample: 1.2
"""
