#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: path_mtu
short_description: Tells whether large packets reach other hosts whole
version_added: "1.0.0"
description:
  - Sends echo requests of a size that nobody on the way may cut to all addresses at once. A switch that drops what is too large for it
    says nothing, and a server that waits for such a packet hangs.
  - It needs root and no program on the host. The other hosts must answer echo requests.
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
  addresses:
    description: Addresses of the other hosts, IPv4 or IPv6.
    type: list
    elements: str
    required: true
  size:
    description: Size of the packets with the header of IP, which is what an MTU counts.
    type: int
    required: true
  timeout:
    description: How long in seconds the answers may take in all. What is lost is sent again in this time.
    type: float
    default: 3
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Look whether jumbo frames reach the peers
  multinode.sglang.path_mtu:
    addresses: [10.0.0.2, 10.0.0.3]
    size: 9000
  register: host_path
  failed_when: host_path.failed_paths | length > 0
"""

RETURN = r"""
failed_paths:
  description: Address of each host that such packets do not reach, and why.
  returned: always
  type: dict
  sample: {"10.0.0.3": "no answer to packets of 9000 bytes that must not be cut"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._peers.path_mtu import HEADERS, check


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "addresses": {"type": "list", "elements": "str", "required": True},
            "size": {"type": "int", "required": True},
            "timeout": {"type": "float", "default": 3},
        },
        supports_check_mode=True,
    )
    size = module.params["size"]
    if not max(HEADERS.values()) < size <= 65535:
        module.fail_json(
            msg=f"size: {size} is not the size of a packet; it is between {max(HEADERS.values()) + 1} and 65535"
        )
    try:
        failed = check(module.params["addresses"], size, module.params["timeout"])
    except PermissionError:
        module.fail_json(msg="sending echo requests needs root; set become")
    module.exit_json(changed=False, failed_paths=failed)


if __name__ == "__main__":
    main()
