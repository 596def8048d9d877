#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: router_workers
short_description: Brings the workers of the running routers of a host to the plan, without a restart
version_added: "1.0.0"
description:
  - Compares what each running router lists under C(/workers) with the plan, adds what is missing, and removes what the plan does not
    have. Requests in flight go on.
  - Workers are added, and seen healthy, before any is removed. Only a worker whose type or bootstrap port differs is removed first.
  - A worker of the plan that the router holds for unhealthy is renewed in place, if its C(/health) answers this host now. Then it
    need not wait for the router's next checks, and it never leaves the list.
  - A router that is not running is left alone, because it has all its workers on its command line when it starts.
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
    description: The routers of this host, as RV(multinode.sglang.plan#module:hosts) gives them.
    type: list
    elements: dict
    required: true
  state:
    description:
      - With V(present) the workers become those of the plan.
      - With V(drain) only workers that the plan does not have are removed, for use before their servers stop. A router that cannot be
        asked is a warning then, because it may still run with another port, certificate or key than the plan has now.
    type: str
    choices: [present, drain]
    default: present
  timeout:
    description: How long in seconds one router may take until it lists the workers as they shall be.
    type: float
    default: 60
  config_dir:
    description: The directory with one directory for each router, where its keys are.
    type: path
    default: /etc/sglang
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Take instances that leave out of the routers
  multinode.sglang.router_workers:
    routers: "{{ sglang_plan_result.hosts[inventory_hostname].routers }}"
    state: drain

- name: Give the routers the instances of the plan
  multinode.sglang.router_workers:
    routers: "{{ sglang_plan_result.hosts[inventory_hostname].routers }}"
"""

RETURN = r"""
routers:
  description: What was done with each router, or would be done in check mode, by name.
  returned: always
  type: dict
  contains:
    added:
      description: URLs of the workers that were added; also those that were added again as another type.
      type: list
    renewed:
      description: URLs of the workers that the router held for unhealthy although they answer.
      type: list
    removed:
      description: URLs of the workers that were removed; also those that were added again as another type.
      type: list
    draining:
      description: URLs of removed workers that still had requests in flight when the time was over. They get no new ones.
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
from ansible_collections.multinode.sglang.plugins.module_utils._router.api import Router, RouterError
from ansible_collections.multinode.sglang.plugins.module_utils._router.workers import (
    Changes,
    Reconciler,
    answers_here,
    diff,
    plan,
)


def untouched(note: str) -> dict[str, Any]:
    """Return the result for a router that is left as it is."""
    return {**Changes().summary(), "draining": [], "note": note}


def reconcile(router: Router, drain: bool, timeout: float, check_mode: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bring one running router to the plan; return what was done and the diff."""
    current = router.listed()
    changes = plan(router.workers, current, drain, answers_here)
    # Also without changes: what was removed before may still end requests.
    draining = [] if check_mode else Reconciler(router, timeout).apply(current, changes)
    return {**changes.summary(), "draining": draining, "note": ""}, diff(router, current, changes)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "routers": {"type": "list", "elements": "dict", "required": True},
            "state": {"type": "str", "choices": ["present", "drain"], "default": "present"},
            "timeout": {"type": "float", "default": 60},
            "config_dir": {"type": "path", "default": "/etc/sglang"},
        },
        supports_check_mode=True,
    )
    params = module.params
    drain = params["state"] == "drain"
    results: dict[str, dict[str, Any]] = {}
    diffs = []
    try:
        shown = Systemd(module.run_command).show([item["name"] for item in params["routers"]])
        for item in params["routers"]:
            state = shown[item["name"]].get("ActiveState", "inactive")
            if state != "active":
                note = f"not running ({state}); it has all its workers on its command line when it starts"
                results[item["name"]] = untouched(note)
                continue
            try:
                router = Router(item, params["config_dir"])
                results[router.name], difference = reconcile(router, drain, params["timeout"], module.check_mode)
                diffs.append(difference)
            except RouterError as error:
                if not drain:
                    raise
                # It may still run with another port, certificate or key than the plan has now, and be restarted soon.
                results[item["name"]] = untouched(f"not drained: {error}")
                module.warn(f"{item['name']} is not told which workers leave: {error}")
    except (RouterError, SystemdError) as error:
        module.fail_json(msg=str(error), routers=results)
    for name, result in results.items():
        if result["draining"]:
            module.warn(
                f"{name}: requests are still in flight on {', '.join(result['draining'])} after {params['timeout']:.0f} s"
            )
    changed = any(result[key] for result in results.values() for key in ("added", "renewed", "removed"))
    module.exit_json(changed=changed, routers=results, diff=diffs)


if __name__ == "__main__":
    main()
