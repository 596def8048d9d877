#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall
short_description: Brings ufw to what the plan says who must reach this host
version_added: "1.0.0"
description:
  - Its rules carry C(multinode.sglang) in ufw's comment. Those that the plan no longer has are removed. Rules of others stay where they
    are, before ours.
  - All rules are exchanged in one step, in ufw's own files and in the kernel. C(community.general.ufw) needs a call for each rule, does not
    know which rules have gone from the plan, and lets everything through while it reloads.
  - Before ufw is enabled, the port of the running ssh server and the one by which Ansible is connected are allowed, unless a rule that is
    there already does so. If a rule would still lock this connection out, nothing is enabled.
  - ufw refuses what no rule allows, also what has nothing to do with SGLang.
  - Where another firewall runs (firewalld, nftables, netfilter-persistent, shorewall, ferm, csf), it fails and names it.
  - Packets that this host passes on, as for containers, are not touched.
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
      - V(absent) takes our rules out, and disables ufw if this module has enabled it.
      - Where ufw stays active, a rule of ours without which ssh had no way in stays too.
    type: str
    choices: [present, absent]
    default: present
  reach:
    description: Who must reach this host, C(reach) of the plan.
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
        description: The protocol.
        type: str
        default: tcp
      why:
        description: What it is for; it becomes ufw's comment.
        type: str
        required: true
  clients:
    description: Addresses and networks of who may use the service, or V(any).
    type: list
    elements: str
    default: []
  scrapers:
    description: Addresses and networks of who collects metrics, or V(any).
    type: list
    elements: str
    default: []
  cluster_networks:
    description: Networks that are trusted as a whole. A host of the plan with an address in one stands for the whole network.
    type: list
    elements: str
    default: []
  ssh_sources:
    description: Addresses and networks that may use ssh, where no rule of somebody else opens it.
    type: list
    elements: str
    default: [any]
  enable:
    description: Whether ufw is enabled if it is not. Otherwise rules wait in its files for whoever enables it.
    type: bool
    default: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Let in whom the plan names
  multinode.sglang.firewall:
    reach: "{{ sglang_plan_result.hosts[inventory_hostname].reach }}"
    clients: [10.0.0.0/8]

- name: Take our rules out again
  multinode.sglang.firewall:
    state: absent
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in words.
  returned: always
  type: list
  elements: str
  sample: ["add allow 20000,20001:20006/tcp from 10.0.0.0/30  # multinode.sglang: llama-0: between its ranks", "enable ufw"]
installed:
  description: Whether ufw is installed. Where it is not, nothing is done.
  returned: always
  type: bool
  sample: true
active:
  description: Whether ufw is active afterwards.
  returned: always
  type: bool
  sample: true
rules:
  description: Our rules.
  returned: always
  type: list
  elements: str
  sample: ["allow 22/tcp from anywhere  # multinode.sglang: ssh"]
wider:
  description: Rules of others that let strangers to ports that only hosts of the plan may reach.
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
# Enabling takes 1 to 3 s; a busy host may take longer, and one that hangs is told.
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
