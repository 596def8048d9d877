#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tuning
short_description: Sets the kernel, sysfs and login limits of a host in one call
version_added: "1.0.0"
description:
  - Sysctls go into one drop-in, and into the running kernel at once. The drop-in remembers what was there before, so that a setting that
    is not wanted any more is taken back.
  - What a kernel or a container refuses changes nothing, is in RV(refused), and is said in a warning.
  - In a container only what is its own is set, such as V(net.*); a privileged one could set the rest for the whole machine.
  - One call for all, where C(ansible.posix.sysctl) needs one for each key, cannot raise a value without lowering a higher one, and fails
    at the first key that a container refuses.
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
    details:
      - A value that only the attempt to set it shows to be refused is predicted to change.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  sysctls:
    description: Sysctls and their values.
    type: dict
    default: {}
  sysctls_at_least:
    description: Sysctls and the least that each of their numbers shall be. One that is as high already is left alone, and is not written.
    type: dict
    default: {}
  reserved_ports:
    description:
      - Ports that the kernel shall hand to nobody, such as V(20000-20006,30000), as well as those that are reserved already.
      - Ports of an earlier call that are not here any more are let go.
    type: str
    default: ''
  sysfs:
    description:
      - Paths below C(/sys), with wildcards, and their values. Empty values are left out. What is taken out stays until the next start.
    type: dict
    default: {}
  limits:
    description:
      - C(memlock) in KiB and C(nofile) for logins, soft and hard. Empty values are left out.
      - One that this host cannot give is not written, since that would refuse the logins.
    type: dict
    default: {}
  sysctl_file:
    description: The drop-in for sysctls.
    type: path
    default: /etc/sysctl.d/95-multinode-sglang.conf
  tmpfiles_file:
    description: The file by which O(sysfs) is set at boot.
    type: path
    default: /etc/tmpfiles.d/multinode-sglang.conf
  limits_file:
    description: The drop-in for limits.
    type: path
    default: /etc/security/limits.d/95-multinode-sglang.conf
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Tune this host
  multinode.sglang.tuning:
    sysctls: {net.ipv4.tcp_mtu_probing: 1}
    sysctls_at_least: {vm.max_map_count: 1048576, net.ipv4.tcp_rmem: 4096 131072 134217728}
    reserved_ports: "{{ sglang_plan_result.hosts[inventory_hostname].reserved_ports }}"
    limits: {memlock: unlimited}
  register: host_tuning
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in words.
  returned: always
  type: list
  elements: str
  sample: ["write /etc/sysctl.d/95-multinode-sglang.conf", "set vm.max_map_count = 1048576"]
refused:
  description: What the host does not take.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The sysctl, the path in sysfs, or the limit.
      type: str
    wanted:
      description: The value that was to be set.
      type: str
    has:
      description: The value that the host has; empty where it has none.
      type: str
    reason:
      description: Why.
      type: str
  sample: [{name: net.core.rmem_max, wanted: "134217728", has: "", reason: this kernel or container does not have it}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Root
from ansible_collections.multinode.sglang.plugins.module_utils._tuning.apply import Host, Wanted, tune

OPTIONS = {
    "sysctls": {"type": "dict", "default": {}},
    "sysctls_at_least": {"type": "dict", "default": {}},
    "reserved_ports": {"type": "str", "default": ""},
    "sysfs": {"type": "dict", "default": {}},
    "limits": {"type": "dict", "default": {}},
    "sysctl_file": {"type": "path", "default": "/etc/sysctl.d/95-multinode-sglang.conf"},
    "tmpfiles_file": {"type": "path", "default": "/etc/tmpfiles.d/multinode-sglang.conf"},
    "limits_file": {"type": "path", "default": "/etc/security/limits.d/95-multinode-sglang.conf"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    try:
        changes = tune(Wanted.from_params(module.params), Host(Root()), module.check_mode)
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    if changes.refused:
        module.warn(changes.warning())
    module.exit_json(
        changed=bool(changes.actions), actions=changes.actions, refused=changes.refused, diff=changes.all_diffs()
    )


if __name__ == "__main__":
    main()
