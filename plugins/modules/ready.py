# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ready
short_description: Waits until the SGLang servers, or the routers, of the plan answer
version_added: "1.0.0"
description:
  - Waits on every host until its units are active, and on the leader of each instance until a real completion came back.
  - Prints about every 15 seconds what each server does. A unit that fails while one waits ends the wait at once, on all hosts of
    its instance, with the last lines of its journal.
  - A router is ready when it lists exactly the workers of the plan, all healthy, and a real completion came back through it.
  - Where everything is well it takes one remote call a host.
  - In check mode it neither waits nor asks anything.
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
  units:
    description: The units of this host, as RV(multinode.sglang.plan#module:hosts) gives them.
    type: list
    elements: dict
  routers:
    description:
      - The routers of this host, as RV(multinode.sglang.plan#module:hosts) gives them.
      - Exactly one of O(units) and O(routers) is required.
    type: list
    elements: dict
  started:
    description: Names of units that this play has just started; every automatic restart of one is a failure.
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
    description: How many lines of the journal to show of a unit that has failed.
    type: int
    default: 20
  config_dir:
    description: The directory with one directory for each unit.
    type: path
    default: /etc/sglang
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Wait until the servers of this host answer
  multinode.sglang.ready:
    units: "{{ sglang_plan_result.hosts[inventory_hostname].units }}"
    timeout: 900

- name: Wait until the routers of this host answer for all instances
  multinode.sglang.ready:
    routers: "{{ sglang_plan_result.hosts[inventory_hostname].routers }}"
"""

RETURN = r"""
units:
  description: What each unit does, by name, as M(multinode.sglang.instance_state) and M(multinode.sglang.router_state) return it.
  returned: always
  type: dict
  sample: {"sglang-llama-0": {"phase": "ready", "active": "active", "answer": " Paris"}}
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 1.2
"""
