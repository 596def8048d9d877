#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: peer_listen
short_description: Listen on the planned ports of a host so that its peers can test them
version_added: 1.0.0
description:
  - Starts a listener on each free port that other hosts need, so that M(multinode.sglang.peer_info) on these hosts can
    verify that they reach it. A listener sends the host's name, the token and the time, and nothing else.
  - The listeners are one background process of the user C(nobody). It ends with O(state=absent), with the next
    O(state=present), or after O(timeout), whatever happens to the controller.
  - Options that are not given come from the plan in C(sglang_plan_result), which the role C(sglang_plan) registers.
  - It changes nothing permanently. So it also listens in check mode, and never reports a change.
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
    description: Whether the listeners run.
    type: str
    choices: [present, absent]
    default: present
  host:
    description: Name of this host that its listeners send. The default is its name in the inventory.
    type: str
  token:
    description:
      - Text by which the peers recognize these listeners, sent to whoever connects. It is no secret. The default is
        random.
    type: str
  address:
    description: The IPv4 or IPv6 address to listen on. The default is the host's address in the plan.
    type: str
  ports:
    description:
      - Ports and ranges, such as V(20000-20006,30000). The default is all ports that other hosts of the plan need.
      - Of a range of more than 16 ports, three free ones are used, near its start, middle and end.
    type: str
  timeout:
    description:
      - Seconds after which the listeners end by themselves. The default is 300, plus 3 for each host of the play.
    type: float
seealso:
  - module: multinode.sglang.peer_info
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Listen on the ports that other hosts of the plan need
  multinode.sglang.peer_listen:
  register: preflight_listeners

- name: Stop listening
  multinode.sglang.peer_listen:
    state: absent

- name: Listen on other ports
  multinode.sglang.peer_listen:
    address: 10.0.0.1
    ports: 20000-20006,30000
"""

RETURN = r"""
pid:
  description: Process ID of the listeners.
  returned: if there are listeners
  type: int
  sample: 4711
ports:
  description: The ports with a listener.
  returned: O(state=present)
  type: list
  elements: int
  sample: [20000, 20001, 30000]
missed:
  description: Ports without a listener, or the first port of a range without any, and the reason.
  returned: O(state=present)
  type: dict
  sample: {"30000": "Address already in use"}
token:
  description: The token of these listeners.
  returned: O(state=present)
  type: str
  sample: 9f86d081884c7d65
peers:
  description: Hosts of the plan that this host must reach, with C(host) and C(address).
  returned: O(state=present)
  type: list
  elements: dict
  sample: [{host: gpu02, address: 10.0.0.2}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import merged, parse
from ansible_collections.multinode.sglang.plugins.module_utils._peers.listen import Wanted, start, stop

NEEDED = ["host", "token", "address", "ports", "timeout"]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "host": {"type": "str"},
            "token": {"type": "str", "no_log": False},
            "address": {"type": "str"},
            "ports": {"type": "str"},
            "timeout": {"type": "float"},
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
