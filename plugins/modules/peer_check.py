#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: peer_check
short_description: Tells whether this host reaches all its peers on all planned ports
version_added: "1.0.0"
description:
  - Connects to the ports of all peers at once. M(multinode.sglang.peer_listen) answers there, and says which host it is and what time it
    has.
  - Then sends packets as large as both hosts should take, which nobody on the way may cut, where small ones come back.
  - Failures are not an error of this module; they are told.
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
  token:
    description: The word of this run that the listeners know too.
    type: str
    required: true
  peers:
    description: The hosts to reach.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: Its name.
        type: str
        required: true
      address:
        description: Its address, IPv4 or IPv6.
        type: str
        required: true
      ports:
        description: Ports on which M(multinode.sglang.peer_listen) answers.
        type: list
        elements: int
        required: true
      serving:
        description: Ports on which a server runs already, so that a connection is all that can be tried.
        type: list
        elements: int
        default: []
      mtu:
        description: Size of the packets that must reach it whole; V(0) sends none.
        type: int
        default: 0
  timeout:
    description: How long in seconds a connection may take. A lost packet is sent again after 1 and 3 seconds.
    type: float
    default: 5
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Reach the peers
  multinode.sglang.peer_check:
    token: "{{ run_token }}"
    peers:
      - {host: gpu02, address: 10.0.0.2, ports: [20000, 20001, 30000], mtu: 9000}
  register: host_reach
"""

RETURN = r"""
reached:
  description: Number of ports that answered as they should.
  returned: always
  type: int
failures:
  description: Ports that did not, each with C(host), C(address), C(port) and C(reason).
  returned: always
  type: list
  elements: dict
  sample: [{host: gpu02, address: 10.0.0.2, port: 20000, reason: "no answer, as behind a firewall"}]
clocks:
  description:
    - For each peer that greeted C(ahead), by how many seconds its clock is ahead of that of this host, and C(took), how long the answer
      took; C(ahead) may be wrong by half of it.
  returned: always
  type: dict
  sample: {gpu02: {ahead: 0.0004, took: 0.0011}}
narrow:
  description: Address of each peer that small packets reach and those of its O(peers[].mtu) do not, and why.
  returned: always
  type: dict
  sample: {"10.0.0.2": "no answer to packets of 9000 bytes that must not be cut"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._peers.check import Check
from ansible_collections.multinode.sglang.plugins.module_utils._peers.path_mtu import SMALLEST, check

PEER = {
    "host": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "ports": {"type": "list", "elements": "int", "required": True},
    "serving": {"type": "list", "elements": "int", "default": []},
    "mtu": {"type": "int", "default": 0},
}


def narrow(peers: list[dict[str, Any]]) -> dict[str, str]:
    """Return the addresses that small packets reach and large ones do not, and why."""
    sizes = {peer["address"]: peer["mtu"] for peer in peers if peer["mtu"] > SMALLEST}
    silent = check(list(sizes), SMALLEST, 1)
    found: dict[str, str] = {}
    for size in sorted(set(sizes.values())):
        found.update(check([address for address in sizes if sizes[address] == size and address not in silent], size, 2))
    return found


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "token": {"type": "str", "required": True, "no_log": False},
            "peers": {"type": "list", "elements": "dict", "required": True, "options": PEER},
            "timeout": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    seen = Check(module.params["token"], module.params["timeout"]).run(module.params["peers"])
    try:
        too_narrow = narrow(module.params["peers"])
    except PermissionError:
        module.fail_json(msg="sending echo requests needs root; set become, or leave mtu out")
    clocks = {host: {"ahead": round(ahead, 6), "took": round(took, 6)} for host, (ahead, took) in seen.clocks.items()}
    module.exit_json(changed=False, reached=seen.reached, failures=seen.failures, clocks=clocks, narrow=too_narrow)


if __name__ == "__main__":
    main()
