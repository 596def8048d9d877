#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tuning
short_description: Set sysctls, reserved ports, sysfs values and login limits of a host
version_added: 1.0.0
description:
  - Writes sysctls to one drop-in, and sets them in the running kernel. The drop-in keeps the previous values, to
    restore them when a setting is removed.
  - Settings that a kernel or a container refuses are in RV(refused) and in a warning, and never count as changed.
  - In a container, only its own settings are set, such as V(net.*). A privileged container could set the others for the
    whole machine.
  - In contrast, C(ansible.posix.sysctl) needs a call for each key, cannot raise a value without lowering a higher one,
    and fails at the first key that a container refuses.
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
    details:
      - Some values prove to be refused only when they are set. Check mode predicts a change for them.
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
    description: Sysctls and their minimum, for each number of a value. A higher value is not changed.
    type: dict
    default: {}
  reserved_ports:
    description:
      - Ports to keep out of the ephemeral range, such as V(20000-20006,30000), in addition to those that others have
        reserved.
      - Ports of an earlier call that are no longer listed are released.
    type: str
    default: ''
  sysfs:
    description:
      - Paths below C(/sys), with wildcards, and their values. Empty values are ignored. A removed setting is kept
        until the next boot.
    type: dict
    default: {}
  limits:
    description:
      - C(memlock) in KiB and C(nofile) in open files for logins, soft and hard. Empty values are ignored.
      - A limit that this host cannot grant is not written, because it would block logins.
    type: dict
    default: {}
  sysctl_file:
    description: The drop-in for sysctls.
    type: path
    default: /etc/sysctl.d/95-multinode-sglang.conf
  tmpfiles_file:
    description: The file that sets O(sysfs) at boot.
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
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["write /etc/sysctl.d/95-multinode-sglang.conf", "set vm.max_map_count = 1048576"]
refused:
  description: Settings that the host refuses.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The sysctl, the path in sysfs, or the limit.
      type: str
    wanted:
      description: The value to set.
      type: str
    has:
      description: The current value. Empty if there is none.
      type: str
    reason:
      description: The reason.
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
