#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall
short_description: Set the ufw rules of a host as the plan requires
version_added: 1.0.0
description:
  - The module's rules carry C(multinode.sglang) in ufw's comment. Rules that the plan no longer has are removed.
    Other rules are kept, before these.
  - All rules are replaced in one step, in ufw's own files and in the kernel. C(community.general.ufw) needs a call for
    each rule, does not know which rules have left the plan, and opens all ports while it reloads.
  - Before it enables ufw, the module allows the port of the running ssh server and the one of Ansible's connection,
    unless other rules do. If a rule would still block this connection, ufw is not enabled.
  - ufw refuses what no rule allows, even if it has nothing to do with SGLang.
  - The module fails on a host with another firewall (firewalld, nftables, netfilter-persistent, shorewall, ferm or
    csf).
  - Forwarded packets, such as those of containers, are not affected.
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
  state:
    description:
      - V(absent) removes the module's rules, and disables ufw if this module has enabled it.
      - Where ufw stays active, the rule that ssh depends on is kept.
    type: str
    choices: [present, absent]
    default: present
  reach:
    description: Who must reach this host, as the filter P(multinode.sglang.plan_reach#filter) returns it.
    type: list
    elements: dict
    default: []
    suboptions:
      sources:
        description: Addresses of hosts of the plan, or V(clients) or V(scrapers).
        type: raw
        required: true
      ports:
        description: Ports such as V(20000-20006,30000).
        type: str
        required: true
      protocol:
        description: The protocol, such as V(tcp).
        type: str
        default: tcp
      why:
        description: The purpose, for ufw's comment.
        type: str
        required: true
  clients:
    description: Addresses and networks of the clients that may use the service, or V(any).
    type: list
    elements: str
    default: []
  scrapers:
    description: Addresses and networks that may collect metrics, or V(any).
    type: list
    elements: str
    default: []
  cluster_networks:
    description: Networks whose hosts are all trusted. One rule opens the ports of a peer to its whole network.
    type: list
    elements: str
    default: []
  ssh_sources:
    description: Addresses and networks that may use ssh, where no other rule opens it.
    type: list
    elements: str
    default: [any]
  enable:
    description: Whether to enable ufw if it is disabled. Otherwise the rules take effect when you enable it.
    type: bool
    default: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Open the ports of the plan to its peers
  multinode.sglang.firewall:
    reach: "{{ sglang_plan_result | multinode.sglang.plan_reach(inventory_hostname) }}"
    clients: [10.0.0.0/8]

- name: Remove these rules
  multinode.sglang.firewall:
    state: absent
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample:
    - "add allow 20000,20001:20006/tcp from 10.0.0.0/30  # multinode.sglang: llama-0: between its ranks"
    - enable ufw
installed:
  description: Whether ufw is installed. If not, nothing is done.
  returned: always
  type: bool
  sample: true
active:
  description: Whether ufw is active afterwards.
  returned: always
  type: bool
  sample: true
rules:
  description: The module's rules.
  returned: always
  type: list
  elements: str
  sample: ["allow 22/tcp from anywhere  # multinode.sglang: ssh"]
wider:
  description: Other rules that open a port to addresses outside the plan, although only hosts of the plan need it.
  returned: always
  type: list
  elements: str
  sample: ["allow 20000:21000/tcp from 192.0.2.0/24"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._firewall.apply import Wanted, bring
from ansible_collections.multinode.sglang.plugins.module_utils._firewall.ssh_access import access
from ansible_collections.multinode.sglang.plugins.module_utils._firewall.ufw import Ufw

RULE = {
    "sources": {"type": "raw", "required": True},
    "ports": {"type": "str", "required": True},
    "protocol": {"type": "str", "default": "tcp"},
    "why": {"type": "str", "required": True},
}
OPTIONS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "reach": {"type": "list", "elements": "dict", "options": RULE, "default": []},
    "clients": {"type": "list", "elements": "str", "default": []},
    "scrapers": {"type": "list", "elements": "str", "default": []},
    "cluster_networks": {"type": "list", "elements": "str", "default": []},
    "ssh_sources": {"type": "list", "elements": "str", "default": ["any"]},
    "enable": {"type": "bool", "default": True},
}
# Enabling takes 1 to 3 s, and more on a busy host. One that hangs fails.
SECONDS = 60


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    root = Root()
    commands = Commands(
        module.run_command, lambda name: module.get_bin_path(name, opt_dirs=["/usr/sbin", "/sbin"]), SECONDS
    )
    try:
        outcome = bring(Wanted.from_params(module.params), Ufw(root, commands), access(root), module.check_mode)
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(
        changed=bool(outcome.actions) and (outcome.installed or module.check_mode),
        actions=outcome.actions,
        installed=outcome.installed,
        active=outcome.active,
        rules=[line for line in outcome.after if not line.startswith("ufw: ")],
        wider=outcome.wider,
        diff=outcome.diff() if outcome.installed or module.check_mode else [],
    )


if __name__ == "__main__":
    main()
