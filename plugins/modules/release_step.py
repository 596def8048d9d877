#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release_step
short_description: Takes one step with the releases of a host
version_added: "1.0.0"
description:
  - The part of M(multinode.sglang.release) that runs on the hosts, in short calls. Use that one.
extends_documentation_fragment:
  - multinode.sglang._attributes
  - multinode.sglang._release
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(step=start) starts the copy anew; it goes on with what is there.
options:
  releases:
    description: >-
      The releases of this host, as for M(multinode.sglang.release), with C(peers) for O(step=start) and C(digest) for
      O(step=publish).
    type: list
    elements: dict
    required: true
  run:
    description: The name of the run.
    type: str
    default: ""
  token:
    description: The secret by which the hosts of the run know each other.
    type: str
    default: ""
  program:
    description: The files of the program that works with releases, path to text; empty where the host should have it.
    type: dict
    default: {}
  program_digest:
    description: One word for this version of the program.
    type: str
    required: true
  launcher:
    description: The file of the program that is run.
    type: str
    required: true
  others:
    description: Whether O(step=follow) tells how far the other hosts of the runs are, too.
    type: bool
    default: false
  slice:
    description: How long in seconds a call with O(step=follow) waits for the end of a copy.
    type: float
    default: 5
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Verify every byte of a release
  multinode.sglang.release:
    step: verify
    full: true
    releases: [{name: llama, store: /data/models/llama, source: /mnt/models/llama}]
"""

RETURN = r"""
releases:
  description: What is known about each release, by name.
  returned: success
  type: dict
  sample: {"llama": {"digest": "9f86d08188", "missing": false, "current": "9f86d08188"}}
actions:
  description: What was done, or would be done, in words.
  returned: success
  type: list
  elements: str
  sample: ["llama: start sglang-release-llama.service"]
program_missing:
  description: Whether nothing was done, because the host lacks the program and O(program) is empty.
  returned: when it is so
  type: bool
  sample: true
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._release import host
from ansible_collections.multinode.sglang.plugins.module_utils._release.steps import Steps, actions_of, difference

OPTIONS = {
    "step": {"type": "str", "choices": ["look", "start", "follow", "publish", "verify"], "required": True},
    "releases": {"type": "list", "elements": "dict", "required": True},
    "run": {"type": "str", "default": ""},
    "token": {"type": "str", "default": "", "no_log": True},
    "program": {"type": "dict", "default": {}},
    "program_digest": {"type": "str", "required": True},
    "launcher": {"type": "str", "required": True},
    "firewall": {"type": "bool", "default": True},
    "service_options": {"type": "dict", "default": {}},
    "references": {"type": "list", "elements": "str", "default": ["/etc/systemd/system/sglang-*.service"]},
    "full": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 15},
    "others": {"type": "bool", "default": False},
    "slice": {"type": "float", "default": 5},
}


def program_path(module: AnsibleModule) -> tuple[str, bool]:
    """Return where the program lies, and whether it came to stay now; a verification and check mode leave none behind."""
    path = host.folder(module.params["program_digest"])
    if os.path.isdir(path):
        return path, False
    if not module.params["program"]:
        module.exit_json(changed=False, program_missing=True)
    stays = module.params["step"] != "verify" and not module.check_mode
    path = path if stays else f"{module.tmpdir}/program"
    host.write_program(path, module.params["program"])
    return path, stays


def work(steps: Steps, module: AnsibleModule) -> dict[str, dict[str, Any]]:
    """Do the step for each release."""
    step, found = module.params["step"], {}
    wait = module.params["slice"]
    for release in module.params["releases"]:
        host.check(release)
        if step == "follow":
            found[release["name"]] = steps.follow(release, wait)
            # One wait a call: all releases of a host come at the same time.
            wait = 0 if found[release["name"]]["state"] in {"running", "starting"} else wait
        elif step == "publish":
            found[release["name"]] = steps.publish(release, module.check_mode)
        else:
            found[release["name"]] = {"look": steps.look, "start": steps.start, "verify": steps.verify}[step](release)
    return found


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    os.umask(0o022)
    try:
        path, installed = program_path(module)
        program = host.Program(path, module.params["launcher"], module.run_command)
        found = work(Steps(program, module.run_command, module.params), module)
    except (host.ReleaseError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    step = module.params["step"]
    actions = actions_of(step, found)
    # What a look finds is changed by the steps after it, which check mode leaves out.
    changed = installed or (bool(actions) and (step != "look" or module.check_mode))
    shown = difference(step, found) if changed and actions else {"before": "", "after": ""}
    module.exit_json(changed=changed, actions=actions, releases=found, diff=shown)


if __name__ == "__main__":
    main()
