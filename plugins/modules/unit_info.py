#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: unit_info
short_description: Gather the state of a host's servers and routers
version_added: 1.0.0
description:
  - Ask systemd for the state of each unit, a server for a real completion, and a router for its workers and for a
    completion through it. Followers, prefill and decode complete nothing alone, and are asked for their health. Read
    the journal of each unit that is not ready.
  - On a decode host, ask the bootstrap servers of prefill instances (O(bootstrap)) which ranks have registered. Servers
    answer their C(/health) even if decode does not reach the bootstrap servers, and the first request then hangs.
  - This module changes nothing. M(multinode.sglang.ready) calls it in slices until everything is ready.
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
    default: []
  routers:
    description: The routers of this host, C(routers) in RV(multinode.sglang.plan#module:hosts).
    type: list
    elements: dict
    default: []
  bootstrap:
    description: The bootstrap servers of a deployment, C(bootstrap) in RV(multinode.sglang.plan#module:deployments).
    type: list
    elements: dict
    default: []
  known:
    description:
      - The names of all units that the plan has on this host. With it, RV(strays) lists the other units of this
        collection.
    type: list
    elements: str
  restarts:
    description: Units and the number of their automatic restarts so far. A unit with more restarts is V(failed).
    type: dict
    default: {}
  wait:
    description:
      - How long in seconds to wait for a change of the units, or until all ranks have registered with the bootstrap
        servers.
    type: float
    default: 0
  probe_timeout:
    description: How long in seconds a completion may take.
    type: float
    default: 60
  lines:
    description:
      - Number of lines of the journal to return for a unit that has failed.
      - If none of them names an exception, the last earlier line with an exception comes first.
    type: int
    default: 20
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Gather the state of this host's servers and routers
  multinode.sglang.unit_info:
    servers: "{{ sglang_plan_result.hosts[inventory_hostname].units }}"
    routers: "{{ sglang_plan_result.hosts[inventory_hostname].routers }}"
  register: sglang_units

- name: Check on a decode host that the bootstrap servers of prefill answer
  multinode.sglang.unit_info:
    bootstrap: "{{ sglang_plan_result.deployments['deepseek-r1'].bootstrap }}"
"""

RETURN = r"""
units:
  description: State of each unit by name.
  returned: always
  type: dict
  contains:
    phase:
      description:
        - A V(ready) unit runs and has answered. A router then has exactly the workers of the plan, all healthy.
        - A V(running) unit has not answered yet. A V(starting) unit waits for its checks or its peers.
        - A V(failed) unit has ended or was restarted automatically. A V(stopped) or V(missing) unit does not start by
          itself.
      type: str
    active:
      description: State of the unit in systemd.
      type: str
    sub:
      description: Substate of the unit in systemd.
      type: str
    restarts:
      description: Number of automatic restarts.
      type: int
    pid:
      description: Process ID of the main process.
      type: int
    since:
      description: The time since which it is active.
      type: str
    answer:
      description: Text of the completion, or V(healthy) for a rank that completes nothing by itself.
      type: str
    trouble:
      description: Why a running unit is not ready, for example which worker a router lacks.
      type: str
    generation:
      description: Digest of what runs. Empty if the unit does not run.
      type: str
    digest:
      description: Digest of what is written for the next start.
      type: str
    planned:
      description: Digest in the plan that was written, C(digest) of the unit there.
      type: str
    limits:
      description: Limits of the running process.
      type: dict
    journal:
      description: Last lines of the journal, only one unless the unit has failed.
      type: list
      elements: str
  sample: {"sglang-llama-0": {"phase": "ready", "active": "active", "answer": " Paris"}}
strays:
  description:
    - Units of this collection that are not in O(known), each with C(name), C(kind) (V(server) or V(router)), C(title),
      C(rank), C(active) (its state in systemd) and C(since).
  returned: with O(known)
  type: list
  elements: dict
  sample: [{name: sglang-old-0, kind: server, title: old-0@gpu01, rank: 0, active: active, since: ""}]
stamp:
  description: The last deploy of this host, as M(multinode.sglang.deploy_lock) noted it. Null without one.
  returned: with O(known)
  type: dict
bootstrap:
  description: What each bootstrap server lists, by prefill instance.
  returned: always
  type: dict
  contains:
    ranks:
      description: Number of ranks that have registered.
      type: int
    expected:
      description: Number of ranks that the instance has.
      type: int
    addresses:
      description: Addresses at which they registered.
      type: list
      elements: str
    trouble:
      description: What is missing. Empty if all ranks have registered.
      type: str
  sample: {"r1-prefill-0@node1": {"ranks": 16, "expected": 16, "addresses": ["10.0.0.1", "10.0.0.2"], "trouble": ""}}
"""

import platform
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base import ours
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Root
from ansible_collections.multinode.sglang.plugins.module_utils._base.systemd import Systemd, SystemdError
from ansible_collections.multinode.sglang.plugins.module_utils._deploy import stamp
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import each
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Bootstrap, RouterUnit, ServerUnit
from ansible_collections.multinode.sglang.plugins.module_utils._router.workers import WatchedRouter
from ansible_collections.multinode.sglang.plugins.module_utils._units.bootstrap import wait_for_all
from ansible_collections.multinode.sglang.plugins.module_utils._units.watch import Probed, WatchedServer, report

OPTIONS: dict[str, dict[str, Any]] = {
    "servers": {"type": "list", "elements": "dict", "default": []},
    "routers": {"type": "list", "elements": "dict", "default": []},
    "bootstrap": {"type": "list", "elements": "dict", "default": []},
    "known": {"type": "list", "elements": "str"},
    "restarts": {"type": "dict", "default": {}},
    "wait": {"type": "float", "default": 0},
    "probe_timeout": {"type": "float", "default": 60},
    "lines": {"type": "int", "default": 20},
}


def watched(params: dict[str, Any]) -> list[Probed]:
    """Return the units to observe."""
    servers = map(WatchedServer, each(ServerUnit, params["servers"], "servers"))
    return [*servers, *map(WatchedRouter, each(RouterUnit, params["routers"], "routers"))]


def registered(params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the bootstrap servers list."""
    seen = wait_for_all(each(Bootstrap, params["bootstrap"], "bootstrap"), params["wait"], platform.node())
    return {
        name: {"ranks": known.ranks, "expected": known.expected, "addresses": list(known.addresses), "trouble": trouble}
        for name, (known, trouble) in seen.items()
    }


def others(params: dict[str, Any], systemd: Systemd) -> dict[str, Any]:
    """Return the units that are not in the plan, and the last deploy."""
    if params["known"] is None:
        return {}
    found = ours.strays(ours.units(Root()), params["known"])
    shown = systemd.show([unit["name"] for unit in found])
    states = [shown[unit["name"]] for unit in found]
    strays = [
        {**unit, "active": state.get("ActiveState", ""), "since": state.get("ActiveEnterTimestamp", "")}
        for unit, state in zip(found, states)
    ]
    return {"strays": strays, "stamp": stamp.newest()}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    try:
        systemd = Systemd(module.run_command)
        units = report(systemd, watched(module.params), module.params)
        more = others(module.params, systemd)
        bootstrap = registered(module.params)
    except (SystemdError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, units=units, bootstrap=bootstrap, **more)


if __name__ == "__main__":
    main()
