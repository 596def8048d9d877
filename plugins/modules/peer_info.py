#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: peer_info
short_description: Gather which peers a host reaches, their clocks, and lost full-size packets
version_added: 1.0.0
description:
  - Connects to all ports of all peers at once. M(multinode.sglang.peer_listen) answers there with its host and time.
  - Then sends unfragmented packets, as large as both hosts should accept, to all peers that answer small ones. A switch
    silently drops packets that are too large for it, and a server that waits for such a packet hangs.
  - It needs root, and no program on the host. Peers that do not answer are returned, and do not fail the module.
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
  peers:
    description:
      - The hosts to reach. The default is all hosts that this host must reach by the plan in C(sglang_plan_result),
        with the ports that they have registered as C(preflight_listeners), and with the MTUs and running servers in
        C(node_facts_result). The roles C(sglang_plan), C(preflight) and C(node_facts) register these variables.
    type: list
    elements: dict
    suboptions:
      host:
        description: Name of the peer.
        type: str
        required: true
      address:
        description: Its IPv4 or IPv6 address.
        type: str
        required: true
      token:
        description: The token of its listeners.
        type: str
        default: ""
      ports:
        description: Ports on which M(multinode.sglang.peer_listen) answers.
        type: list
        elements: int
        default: []
      serving:
        description: Ports on which a server runs already. Only a connection is tried there.
        type: list
        elements: int
        default: []
      mtu:
        description: Size of the packets that must reach it in one piece. V(0) sends none.
        type: int
        default: 0
  size:
    description:
      - Only send packets of this size to each peer, and connect to no port. The packets of a peer that does not answer
        count as lost. The size includes the IP header, as an MTU does.
    type: int
  timeout:
    description: How long in seconds a connection may take. A lost packet is sent again after 1 and 3 seconds.
    type: float
    default: 5
seealso:
  - module: multinode.sglang.peer_listen
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Connect to all peers of the plan
  multinode.sglang.peer_info:
  register: preflight_connections

- name: Check that jumbo frames reach two hosts
  multinode.sglang.peer_info:
    size: 9000
    peers:
      - {host: gpu02, address: 10.0.0.2}
      - {host: gpu03, address: 10.0.0.3}
  register: jumbo
  failed_when: jumbo.packets_lost | length > 0
"""

RETURN = r"""
reached:
  description: Number of ports that answered as expected.
  returned: always
  type: int
failures:
  description:
    - Ports that did not answer as expected, each with C(host), C(address), C(port), C(reason), and C(answered_by),
      which is not empty where another host or program answers.
  returned: always
  type: list
  elements: dict
  sample:
    - {host: gpu02, address: 10.0.0.2, port: 20000, reason: "no answer, as behind a firewall", answered_by: ""}
clocks:
  description:
    - For each peer, C(ahead) is how many seconds its clock is ahead of this host's, and C(took) how many seconds its
      answer took. C(ahead) is exact to half of C(took).
  returned: always
  type: dict
  sample: {gpu02: {ahead: 0.0004, took: 0.0011}}
packets_lost:
  description: Addresses of peers that small packets reach and full-size packets do not, each with the reason.
  returned: always
  type: dict
  sample: {"10.0.0.2": "no answer to packets of 9000 bytes"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._peers.connect import Check
from ansible_collections.multinode.sglang.plugins.module_utils._peers.packets import HEADERS, check, lost

PEER = {
    "host": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "token": {"type": "str", "default": "", "no_log": False},
    "ports": {"type": "list", "elements": "int", "default": []},
    "serving": {"type": "list", "elements": "int", "default": []},
    "mtu": {"type": "int", "default": 0},
}
SMALLEST = max(HEADERS.values()) + 1
LARGEST = 65535
PACKET_SECONDS = 3


def connect(module: AnsibleModule, peers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what connections and packets to peers found."""
    seen = Check(module.params["timeout"]).run(peers)
    clocks = {host: {"ahead": round(ahead, 6), "took": round(took, 6)} for host, (ahead, took) in seen.clocks.items()}
    packets_lost = lost({peer["address"]: peer["mtu"] for peer in peers})
    return {"reached": seen.reached, "failures": seen.failures, "clocks": clocks, "packets_lost": packets_lost}


def send_packets(module: AnsibleModule, peers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return which peers do not answer packets of one size."""
    size = module.params["size"]
    if not SMALLEST <= size <= LARGEST:
        module.fail_json(msg=f"size: {size} is not the size of a packet; set one between {SMALLEST} and {LARGEST}")
    failed = check([peer["address"] for peer in peers], size, PACKET_SECONDS)
    return {"reached": 0, "failures": [], "clocks": {}, "packets_lost": failed}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "peers": {"type": "list", "elements": "dict", "options": PEER},
            "size": {"type": "int"},
            "timeout": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    peers = module.params["peers"] or []
    try:
        found = send_packets(module, peers) if module.params["size"] else connect(module, peers)
    except PermissionError:
        module.fail_json(msg="peer_info sends echo requests, which needs root; set become: true")
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
