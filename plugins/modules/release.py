#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Copy models to hosts as verified releases, and switch all hosts together
version_added: 1.0.0
description:
  - A release is a copy of a directory under the SHA-256 of its manifest, C(STORE/releases/DIGEST). The link
    C(STORE/current) leads to the release in use, and C(STORE/previous) to the one before it.
  - The work is done in steps, each on all hosts before the next, so that no host switches before every host has
    verified the same release. The role C(model_weights) takes these steps; see its tasks for an example of all of them.
  - O(step=inspect) compares the source with the store, and returns what would be copied.
  - O(step=plan) decides which hosts copy, and in which order they get the data from each other.
  - O(step=copy) starts the copies as services, C(sglang-release-NAME). O(step=wait) waits for them and prints their
    progress.
  - O(step=agree) fails unless all hosts have the same release now. O(step=switch) moves the links, and removes old
    releases that nothing uses.
  - O(step=verify) compares the current release with its manifest, and O(step=compare) the hosts with each other.
  - O(step=plan), O(step=agree) and O(step=compare) run on the controller, once, without a connection. They read the
    registered results of all hosts of the play under fixed names, C(model_weights_result) of O(step=inspect),
    C(model_weights_copies) of O(step=wait), and C(model_weights_verified) of O(step=verify). If a host has no result,
    all hosts keep their current release.
  - All hosts start before the first one is waited for, so the number of forks does not matter. Do not use C(serial).
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
    details:
      - O(step=inspect) prints what would be copied, and O(step=plan) fails where a run would. O(step=copy),
        O(step=wait), O(step=agree) and O(step=switch) do nothing.
  diff_mode:
    support: partial
    details:
      - O(step=inspect) and O(step=switch) show the current release.
  idempotent:
    support: full
options:
  step:
    description: The step to take.
    type: str
    choices: [inspect, plan, copy, wait, agree, switch, verify, compare]
    required: true
  releases:
    description:
      - The releases of this host, C(releases) in RV(multinode.sglang.plan#module:hosts). The steps that run on hosts
        require them.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the model. It is a part of the name of its service.
        type: str
        required: true
      store:
        description: The directory of its releases.
        type: str
        required: true
      source:
        description: The directory that is copied.
        type: str
        required: true
      expected:
        description: The digest that the source must have. Empty allows any.
        type: str
        default: ""
      release:
        description:
          - The release to switch to instead of the one at the source, a digest, or V(previous) for the one that was
            current before the newest. Hosts that are not on the newest release keep theirs, so going back twice
            changes nothing.
        type: str
        default: ""
      keep:
        description: Number of releases to keep on the disk.
        type: int
        default: 2
      address:
        description: The address at which the other hosts of the run reach this host.
        type: str
        default: ""
      port:
        description: The port at which this host serves the release to other hosts.
        type: int
        default: 0
      exact:
        description: Whether to keep links and execute permissions, for directories that are not models.
        type: bool
        default: false
  run:
    description:
      - The result of O(step=plan) with O(step=copy), O(step=wait) and O(step=agree). The result of O(step=agree) with
        O(step=switch).
    type: dict
    default: {}
  service_options:
    description: Directives of the services that copy, such as C(CPUQuota).
    type: dict
    default: {}
  full:
    description:
      - Whether O(step=verify) reads every byte. Otherwise files whose size, times and inode are unchanged count as
        verified.
    type: bool
    default: false
  timeout:
    description: How long in seconds a source may take to answer.
    type: float
    default: 15
  token:
    description: The secret by which the hosts of a run authenticate each other. Only the action plugin sets it.
    type: str
    default: ""
  others:
    description: Whether O(step=wait) also returns the progress of the other hosts. Only the action plugin sets it.
    type: bool
    default: false
  slice:
    description: How long in seconds one remote call of O(step=wait) waits for the end of a copy.
    type: float
    default: 5
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Verify every byte of the models of this host
  multinode.sglang.release:
    step: verify
    full: true
    releases: "{{ sglang_plan_result.hosts[inventory_hostname].releases }}"
  register: model_weights_verified

- name: Fail if the hosts have different or damaged releases
  multinode.sglang.release:
    step: compare
  run_once: true

- name: Check whether a source is newer than the release of this host
  multinode.sglang.release:
    step: inspect
    releases:
      - {name: llama, store: /data/models/llama, source: /mnt/models/llama}
  register: model_weights_result
"""

RETURN = r"""
releases:
  description: The releases by name of the model. The keys depend on O(step).
  returned: success
  type: dict
  contains:
    digest:
      description: The release. Empty where it is known only after the copy.
      type: str
    path:
      description: The directory of the release.
      type: str
    missing:
      description: With O(step=inspect), whether files must be copied.
      type: bool
    current:
      description: With O(step=inspect), the release that the link C(current) leads to.
      type: str
    releases:
      description: With O(step=inspect) and O(step=verify), all releases of the store, the newest first.
      type: list
      elements: str
    served:
      description:
        - With O(step=inspect) of a release V(previous), those from the source that have been current, the newest first.
      type: list
      elements: str
    trouble:
      description: With O(step=inspect) of a release V(previous), why this host cannot go back; empty if it can.
      type: str
    hosts:
      description: With O(step=plan), the hosts that copy; each gets the data from the one before it.
      type: list
      elements: str
    state:
      description: With O(step=wait), V(done).
      type: str
    before:
      description: With O(step=switch), the release that was the current one.
      type: str
    removed:
      description: With O(step=switch), the old releases that were removed.
      type: list
      elements: str
    ok:
      description: With O(step=verify), whether all files are as in the manifest.
      type: bool
    problems:
      description: With O(step=verify), the path of each file that is not as in the manifest, and how it differs.
      type: dict
  sample: {"llama": {"digest": "9f86d08188", "missing": false, "current": "9f86d08188"}}
run:
  description: The name of the run.
  returned: with O(step=plan) and O(step=agree)
  type: str
  sample: 6f1e
actions:
  description: What was done, or would be done in check mode.
  returned: with the steps that run on hosts
  type: list
  elements: str
  sample: ["llama: copy 12 files, 15.20 GB, to /data/models/llama, and switch to them"]
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import each
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Release
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused
from ansible_collections.multinode.sglang.plugins.module_utils._release.service import Service
from ansible_collections.multinode.sglang.plugins.module_utils._release.steps import (
    Steps,
    actions_of,
    difference,
    take,
)

RELEASE = {
    "name": {"type": "str", "required": True},
    "store": {"type": "str", "required": True},
    "source": {"type": "str", "required": True},
    "expected": {"type": "str", "default": ""},
    "release": {"type": "str", "default": ""},
    "keep": {"type": "int", "default": 2},
    "address": {"type": "str", "default": ""},
    "port": {"type": "int", "default": 0},
    "exact": {"type": "bool", "default": False},
}
OPTIONS = {
    "step": {
        "type": "str",
        "choices": ["inspect", "plan", "copy", "wait", "agree", "switch", "verify", "compare"],
        "required": True,
    },
    "releases": {"type": "list", "elements": "dict", "options": RELEASE, "default": []},
    "run": {"type": "dict", "default": {}},
    "service_options": {"type": "dict", "default": {}},
    "full": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 15},
    "token": {"type": "str", "default": "", "no_log": True},
    "others": {"type": "bool", "default": False},
    "slice": {"type": "float", "default": 5},
}


def steps_of(module: AnsibleModule) -> Steps:
    """Return the steps with the options of the module."""
    params: dict[str, Any] = module.params
    return Steps(
        service=Service(module.run_command, params["service_options"]),
        command=module.run_command,
        run=params["run"],
        token=params["token"],
        timeout=params["timeout"],
        full=params["full"],
        others=params["others"],
        check=module.check_mode,
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    os.umask(0o022)
    step = module.params["step"]
    try:
        releases = each(Release, module.params["releases"], "releases")
        found = take(steps_of(module), step, releases, module.params["slice"])
    except (Refused, ValueError) as error:
        module.fail_json(msg=str(error))
    actions = actions_of(step, found)
    # What an inspection finds is changed by the steps after it, which check mode leaves out.
    changed = bool(actions) and (step != "inspect" or module.check_mode)
    shown = difference(step, found) if changed else {"before": "", "after": ""}
    module.exit_json(changed=changed, actions=actions, releases=found, diff=shown)


if __name__ == "__main__":
    main()
