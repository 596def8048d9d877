#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_lock
short_description: Keep a second run from changing what a host serves, and note what was deployed
version_added: 1.0.0
description:
  - With O(state=present), takes the lock of a host for this run. If another run holds it, the task fails and reports
    who runs what, from where and since when.
  - With O(state=absent), releases the lock of this run, and with O(stamp=true) notes the deployments of this host in
    C(/etc/sglang/deploys.json). The last 20 deploys are kept.
  - A lock does not count if its run has ended on this same controller, if the same AWX template holds it, because AWX
    runs a template once at a time, or if it is older than O(minutes). It is gone after a restart of the host.
  - Who runs what from where comes from the controller. The plan comes from C(sglang_plan_result), which the role
    C(sglang_plan) registers.
  - The lock is no change of the host. A note is one, and is only made where it differs from the last one.
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
    details: The lock is only checked.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  state:
    description: Whether this run holds the lock.
    type: str
    choices: [present, absent]
    default: present
  minutes:
    description: Age in minutes after which a lock does not count.
    type: float
    default: 120
  break_lock:
    description: Take the lock from whoever holds it.
    type: bool
    default: false
  stamp:
    description: Note the deployments of this host, with O(state=absent).
    type: bool
    default: false
  record:
    description: Who runs what from where. The default is this run.
    type: dict
  ended:
    description: The run in C(record) of a lock that is known to have ended.
    type: str
    default: ""
  deployments:
    description: The deployments of this host, each with a digest of its plan. The default comes from the plan.
    type: dict
  sglang_version:
    description: The release of SGLang of the plan. The default comes from the plan.
    type: str
  hosts:
    description:
      - All hosts of the plan, so that those that leave it later are known. Empty if the run acts on a part of the plan.
        The default comes from the plan.
    type: list
    elements: str
seealso:
  - module: multinode.sglang.status
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Take the lock
  multinode.sglang.deploy_lock:

- name: Release the lock, and note what was deployed
  multinode.sglang.deploy_lock:
    state: absent
    stamp: true
"""

RETURN = r"""
record:
  description: Who runs what from where.
  returned: always
  type: dict
  sample:
    run: ctl1/4711/88211
    who: alice
    controller: ctl1
    process: process 4711
    playbook: deploy.yml
    template: ""
holder:
  description: The record of the run that holds the lock.
  returned: if another run holds it
  type: dict
replaced:
  description: The record of a lock that did not count.
  returned: O(state=present), if there was one
  type: dict
back:
  description: The deployments whose plan is an older one, each with the deploy that it is from.
  returned: O(state=present)
  type: dict
  sample:
    llama: {time: 1795600000.0, who: bob, controller: ctl1, playbook: deploy.yml, sglang_version: 0.5.23}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._deploy import lock, stamp

NEEDED = ("record", "deployments", "sglang_version", "hosts")


def take(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Take the lock, or in check mode only look at it."""
    record, seconds = params["record"], 60 * params["minutes"]
    # A lock that is to be broken is one that is too old.
    seconds = -1 if params["break_lock"] else seconds
    back = stamp.goes_back(params["deployments"])
    if check_mode:
        lock.check(record, seconds, params["ended"])
        return {"changed": False, "record": record, "back": back}
    replaced = lock.take(record, seconds, params["ended"])
    found = {"replaced": replaced} if replaced else {}
    return {"changed": False, "record": record, "back": back, **found}


def leave(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Note what was deployed, and release the lock."""
    record = params["record"]
    entry = {
        **{name: record[name] for name in ("who", "controller", "playbook")},
        "sglang_version": params["sglang_version"],
        "deployments": params["deployments"],
        "hosts": params["hosts"],
    }
    changed = params["stamp"] and stamp.is_new(entry)
    if not check_mode:
        if changed:
            stamp.add(entry)
        lock.release(record["run"])
    return {"changed": changed, "record": record}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "minutes": {"type": "float", "default": 120},
            "break_lock": {"type": "bool", "default": False},
            "stamp": {"type": "bool", "default": False},
            "record": {"type": "dict"},
            "ended": {"type": "str", "default": ""},
            "deployments": {"type": "dict"},
            "sglang_version": {"type": "str"},
            "hosts": {"type": "list", "elements": "str"},
        },
        required_together=[NEEDED],
        supports_check_mode=True,
    )
    act = take if module.params["state"] == "present" else leave
    try:
        result = act(module.params, module.check_mode)
    except lock.Held as error:
        module.fail_json(msg=str(error), holder=error.record, record=module.params["record"])
    module.exit_json(**result)


if __name__ == "__main__":
    main()
