#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nfs_check
short_description: Check that NFS servers and mounts answer, and set the read-ahead of mounts
version_added: 1.0.0
description:
  - A mount of a server that is down blocks every process that accesses it. This module checks with a timeout, and
    fails with one sentence.
  - It mounts nothing. Run it before C(ansible.posix.mount), to fail where that would hang, and after it, to fail where
    the mount does not serve.
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  mounts:
    description: The mounts of this host, C(mounts) in RV(multinode.sglang.plan#module:hosts).
    type: list
    elements: dict
    required: true
    suboptions:
      server:
        description: The name or the address of the NFS server.
        type: str
        required: true
      port:
        description: The TCP port of the NFS server.
        type: int
        default: 2049
      src:
        description: The export, as in fstab.
        type: str
        required: true
      path:
        description: The mount point.
        type: path
        required: true
      opts:
        description: The options of the mount, as in fstab. This module does not use them.
        type: str
        default: ""
  mounted:
    description: Whether to fail where an export is not mounted.
    type: bool
    default: false
  timeout:
    description: How long in seconds a server may take to answer.
    type: float
    default: 15
  read_ahead:
    description: The read-ahead in KiB to set for mounted exports. V(0) leaves it unchanged.
    type: int
    default: 0
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Check that the file server answers before it is mounted
  multinode.sglang.nfs_check:
    mounts:
      - {server: nfs1, src: "nfs1:/export/models", path: /mnt/models}

- name: Check that the mount serves, and read ahead 15 MiB
  multinode.sglang.nfs_check:
    mounts:
      - {server: nfs1, src: "nfs1:/export/models", path: /mnt/models}
    mounted: true
    read_ahead: 15360
"""

RETURN = r"""
can_mount:
  description: Whether the host has the helper that mounts NFS.
  returned: always
  type: bool
  sample: true
mounted:
  description: The mount points where the given export is mounted.
  returned: always
  type: list
  elements: str
  sample: [/mnt/models]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._release import mounts
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused

MOUNT = {
    "server": {"type": "str", "required": True},
    "port": {"type": "int", "default": 2049},
    "src": {"type": "str", "required": True},
    "path": {"type": "path", "required": True},
    "opts": {"type": "str", "default": ""},
}
OPTIONS = {
    "mounts": {"type": "list", "elements": "dict", "options": MOUNT, "required": True},
    "mounted": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 15},
    "read_ahead": {"type": "int", "default": 0},
}


def check(module: AnsibleModule) -> dict[str, str]:
    """Return mount point -> device number of the exports that are mounted; refuse what does not answer."""
    timeout, here = module.params["timeout"], mounts.mounted()
    found = {}
    for server, port in sorted({(mount["server"], mount["port"]) for mount in module.params["mounts"]}):
        mounts.refuse_silence(server, port, timeout)
    for mount in module.params["mounts"]:
        path = mount["path"]
        device, kind, source = here.get(path, ("", "", ""))
        if mounts.is_nfs(kind) and source != mount["src"]:
            raise Refused(
                f"{path} has {source} mounted (expected {mount['src']}); umount {path}, or correct sglang_models"
            )
        if mounts.is_nfs(kind):
            mounts.refuse_dead(path, timeout, module.run_command)
            found[path] = device
        elif module.params["mounted"]:
            raise Refused(f"{path} is not mounted; see the output of: mount {path}")
    return found


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    wanted, changed = module.params["read_ahead"], False
    try:
        found = check(module)
        for device in found.values():
            if wanted and mounts.read_ahead(device) not in {None, wanted}:
                changed = True
                if not module.check_mode:
                    with open(mounts.read_ahead_path(device), "w", encoding="ascii") as handle:
                        handle.write(str(wanted))
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, can_mount=mounts.helper_found(), mounted=sorted(found))


if __name__ == "__main__":
    main()
