#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_state
short_description: Tells what the SGLang units of a host do, and waits a little for a change
version_added: "1.0.0"
description:
  - Looks at systemd, asks the leader for a real completion and a follower for its health, and reads the journal of what is
    not well. Changes nothing.
  - M(multinode.sglang.ready) calls it in slices; status displays call it once with O(wait=0).
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
    required: true
  restarts:
    description: Number of automatic restarts of each unit that is not news. A unit with more is V(failed).
    type: dict
    default: {}
  wait:
    description: How long in seconds to wait for a change.
    type: float
    default: 0
  probe_timeout:
    description: How long in seconds a completion may take.
    type: float
    default: 60
  lines:
    description:
      - How many lines of the journal to return of a unit that has failed.
      - If none of them names an exception, the last line before them that does comes first.
    type: int
    default: 20
  config_dir:
    description: The directory with one directory for each unit, where the API key is.
    type: path
    default: /etc/sglang
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Look at the servers of this host
  multinode.sglang.instance_state:
    units: "{{ sglang_plan_result.hosts[inventory_hostname].units }}"
"""

RETURN = r"""
units:
  description: What each unit does, by name.
  returned: always
  type: dict
  contains:
    phase:
      description:
        - V(ready) is running and has answered; V(running) has not answered yet; V(starting) waits for its checks or its peers;
          V(failed) has ended or restarted by itself; V(stopped) and V(missing) are not to be waited for.
      type: str
    active:
      description: State that systemd gives.
      type: str
    sub:
      description: Substate that systemd gives.
      type: str
    restarts:
      description: Number of automatic restarts.
      type: int
    pid:
      description: Main process.
      type: int
    since:
      description: Since when it is active.
      type: str
    answer:
      description: Text of the completion, or V(healthy) for a rank that completes nothing by itself.
      type: str
    trouble:
      description: Why a running rank is not ready.
      type: str
    limits:
      description: Limits of the running process.
      type: dict
    journal:
      description: Last lines of the journal; one line unless the unit failed.
      type: list
      elements: str
  sample: {"sglang-llama-0": {"phase": "ready", "active": "active", "answer": " Paris"}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base.systemd import Systemd, SystemdError
from ansible_collections.multinode.sglang.plugins.module_utils._units.watch import OPTIONS, Watched, limits, report


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"units": {"type": "list", "elements": "dict", "required": True}, **OPTIONS},
        supports_check_mode=True,
    )
    params = module.params
    units = [
        Watched(
            unit["name"],
            int(unit["rank"]),
            unit["role"],
            unit["address"],
            int(unit["api_port"]),
            unit["scheme"] == "https",
            f"{params['config_dir']}/{unit['name']}/keys.yaml",
        )
        for unit in params["units"]
    ]
    try:
        seen = report(Systemd(module.run_command), units, params)
    except SystemdError as error:
        module.fail_json(msg=str(error))
    for unit in seen.values():
        unit["limits"] = limits(unit["pid"]) if unit["pid"] else {}
    module.exit_json(changed=False, units=seen)


if __name__ == "__main__":
    main()
