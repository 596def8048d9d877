#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: router_workers
short_description: Add and remove the workers of a host's running routers
version_added: 1.0.0
description:
  - Compare the workers that each running router lists under C(/workers) with the plan, add those that are missing, and
    remove those that are not in the plan. Routers are not restarted, and requests in flight go on.
  - Workers are added, and checked to be healthy, before any is removed. Only a worker whose type or bootstrap port
    differs is removed first.
  - A planned worker that the router lists as unhealthy is registered again if its C(/health) answers this host. So it
    need not wait for the router's next checks, and never leaves the list.
  - A router that does not run is left alone, because it gets all its workers when it starts.
  - Keys are read from the router's own files on the host.
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  routers:
    description: The routers of this host, C(routers) in RV(multinode.sglang.plan#module:hosts).
    type: list
    elements: dict
    required: true
  state:
    description:
      - V(present) adds and removes workers.
      - V(drain) only removes workers that are not in the plan, for use before their servers stop. Then a router that
        does not answer is only a warning, because it may still run with another port, certificate or key than the plan
        has now.
    type: str
    choices: [present, drain]
    default: present
  timeout:
    description: How long in seconds a router may take until it lists the planned workers.
    type: float
    default: 60
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Remove instances that have left the plan from the routers, before they stop
  multinode.sglang.router_workers:
    routers: "{{ sglang_plan_result.hosts[inventory_hostname].routers }}"
    state: drain

- name: Add the instances of the plan to the routers
  multinode.sglang.router_workers:
    routers: "{{ sglang_plan_result.hosts[inventory_hostname].routers }}"
"""

RETURN = r"""
routers:
  description: What was done with each router, or would be done in check mode, by the name of its unit.
  returned: always
  type: dict
  contains:
    added:
      description: URLs of added workers, including those whose type or bootstrap port changed.
      type: list
    renewed:
      description:
        - URLs of workers that were registered again, because the router listed them as unhealthy although they answer.
      type: list
    removed:
      description: URLs of removed workers, including those whose type or bootstrap port changed.
      type: list
    draining:
      description: URLs of removed workers with requests in flight at the end of O(timeout). They get no new requests.
      type: list
    note:
      description: Why nothing was done.
      type: str
  sample:
    sglang-router-llama:
      added: ["http://10.0.0.3:30000"]
      renewed: []
      removed: []
      draining: []
      note: ""
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base.systemd import Systemd, SystemdError
from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import each
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import RouterUnit
from ansible_collections.multinode.sglang.plugins.module_utils._router.api import RouterError, RunningRouter
from ansible_collections.multinode.sglang.plugins.module_utils._router.workers import (
    Changes,
    Reconciler,
    answers_here,
    diff,
    plan,
)


def untouched(note: str) -> dict[str, Any]:
    """Return the result for a router that is left alone."""
    return {**Changes().summary(), "draining": [], "note": note}


def reconcile(
    router: RunningRouter, drain: bool, timeout: float, check_mode: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bring one running router to the plan; return what was done and the diff."""
    current = router.listed()
    changes = plan(router.workers, current, drain, answers_here)
    # Also without changes: what was removed before may still have requests in flight.
    draining = [] if check_mode else Reconciler(router, timeout).apply(current, changes)
    return {**changes.summary(), "draining": draining, "note": ""}, diff(router, current, changes)


def reconcile_all(module: AnsibleModule, results: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Bring all routers of the host to the plan, keep what was done with each in results, and return the diffs."""
    params, diffs = module.params, []
    drain = params["state"] == "drain"
    units = each(RouterUnit, params["routers"], "routers")
    shown = Systemd(module.run_command).show([unit.name for unit in units])
    for unit in units:
        state = shown[unit.name].get("ActiveState", "inactive")
        if state != "active":
            results[unit.name] = untouched(f"not running ({state}); it gets all its workers when it starts")
            continue
        try:
            router = RunningRouter(unit)
            results[unit.name], difference = reconcile(router, drain, params["timeout"], module.check_mode)
            diffs.append(difference)
        except RouterError as error:
            if not drain:
                raise
            # It may still run with another port, certificate or key than the plan has now, and be restarted soon.
            results[unit.name] = untouched(f"not drained: {error}")
            module.warn(f"{unit.name} was not drained: {error}")
    return diffs


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "routers": {"type": "list", "elements": "dict", "required": True},
            "state": {"type": "str", "choices": ["present", "drain"], "default": "present"},
            "timeout": {"type": "float", "default": 60},
        },
        supports_check_mode=True,
    )
    results: dict[str, dict[str, Any]] = {}
    try:
        diffs = reconcile_all(module, results)
    except (RouterError, SystemdError, ValueError) as error:
        module.fail_json(msg=str(error), routers=results)
    seconds = module.params["timeout"]
    for name, result in results.items():
        if result["draining"]:
            places = first_few(result["draining"])
            module.warn(f"{name}: requests are still in flight on {places} after {seconds:.0f} s")
    changed = any(result[key] for result in results.values() for key in ("added", "renewed", "removed"))
    module.exit_json(changed=changed, routers=results, diff=diffs)


if __name__ == "__main__":
    main()
