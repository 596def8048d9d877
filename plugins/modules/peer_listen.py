#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: peer_listen
short_description: Listens for a moment on the ports that servers will use
version_added: "1.0.0"
description:
  - Puts a listener on every planned port of a host that is free, so that M(multinode.sglang.peer_check) on the other hosts can prove that
    they reach it. A listener tells whoever connects the name of this host, the token of the run and the time, and nothing else.
  - The listeners are one process of the user C(nobody) in the background. It ends with O(state=absent), with the next O(state=present), or
    when O(timeout) is over, whatever happens to the controller.
  - It changes nothing that lasts, so that it also listens in check mode, and never reports a change.
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
  state:
    description: Whether there are listeners.
    type: str
    choices: [present, absent]
    default: present
  host:
    description: Name of this host, that the peers know it by. Required with O(state=present).
    type: str
  token:
    description: A word that this run has chosen, by which peers know the listeners as those of this run. Required with O(state=present).
    type: str
  address:
    description: The address to listen on, IPv4 or IPv6. Required with O(state=present).
    type: str
  ports:
    description:
      - Ports and ranges, such as V(20000-20006,30000). Of a range of more than 16 three ports that are free are taken, near its begin, its
        middle and its end. Required with O(state=present).
    type: str
  timeout:
    description: How long in seconds the listeners stay at most.
    type: float
    default: 300
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Listen on the ports of the plan
  multinode.sglang.peer_listen:
    host: "{{ inventory_hostname }}"
    token: "{{ run_token }}"
    address: 10.0.0.1
    ports: 20000-20006,30000,32768-60999
  register: host_listening

- name: Stop listening
  multinode.sglang.peer_listen:
    state: absent
"""

RETURN = r"""
pid:
  description: The process of the listeners.
  returned: O(state=present)
  type: int
  sample: 4711
ports:
  description: Ports that are listened on now.
  returned: O(state=present)
  type: list
  elements: int
  sample: [20000, 20001, 30000]
missed:
  description: Ports without a listener, or the first port of a range without any, and why. One that is in use is the usual reason.
  returned: O(state=present)
  type: dict
  sample: {"30000": "Address already in use"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import merged, parse
from ansible_collections.multinode.sglang.plugins.module_utils._peers.listen import Wanted, start, stop

NEEDED = ["host", "token", "address", "ports"]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "host": {"type": "str"},
            "token": {"type": "str", "no_log": False},
            "address": {"type": "str"},
            "ports": {"type": "str"},
            "timeout": {"type": "float", "default": 300},
        },
        required_if=[("state", "present", NEEDED)],
        supports_check_mode=True,
    )
    try:
        stop()
    except TimeoutError as error:
        module.fail_json(msg=str(error))
    if module.params["state"] == "absent":
        module.exit_json(changed=False)
    wanted = module.params
    try:
        intervals = tuple(merged(parse(wanted["ports"])))
    except ValueError as error:
        module.fail_json(msg=f"ports: {error}")
    process, ports, missed = start(
        Wanted(wanted["host"], wanted["token"], wanted["address"], intervals, wanted["timeout"])
    )
    module.exit_json(changed=False, pid=process, ports=ports, missed=missed)


if __name__ == "__main__":
    main()
