#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nfs_state
short_description: Tells whether NFS servers and mounts answer, and sets the read-ahead of mounts
version_added: "1.0.0"
description:
  - A mount of a dead server makes whoever looks at it wait for ever. This module asks in a way that ends, and fails with one sentence.
  - It mounts nothing. Before C(ansible.posix.mount) it says whether that would hang, after it whether the mount serves.
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
    description: >-
      The mounts, each with C(server), C(port), C(src), C(path) and C(opts), as P(multinode.sglang.host_models#filter) gives
      them.
    type: list
    elements: dict
    required: true
  mounted:
    description: Whether they must be mounted already.
    type: bool
    default: false
  timeout:
    description: How long in seconds a server may take to answer.
    type: float
    default: 15
  read_ahead:
    description: The read-ahead in KiB that is set for those that are mounted; 0 leaves it.
    type: int
    default: 0
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Refuse a server that is down
  multinode.sglang.nfs_state:
    mounts: [{server: nfs1, port: 2049, src: "nfs1:/export", path: /mnt/models, opts: "ro,nofail"}]
"""

RETURN = r"""
can_mount:
  description: Whether the host has the helper that mounts NFS.
  returned: always
  type: bool
  sample: true
mounted:
  description: The mount points that are mounted from the wanted source.
  returned: always
  type: list
  elements: str
  sample: [/mnt/models]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._release import mounts

OPTIONS = {
    "mounts": {"type": "list", "elements": "dict", "required": True},
    "mounted": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 15},
    "read_ahead": {"type": "int", "default": 0},
}


def look(module: AnsibleModule) -> dict[str, str]:
    """Return mount point -> number of the device of what is mounted as wanted; refuse what does not answer."""
    timeout, here = module.params["timeout"], mounts.mounted()
    found = {}
    for server, port in sorted({(mount["server"], int(mount["port"])) for mount in module.params["mounts"]}):
        mounts.refuse_silence(server, port, timeout)
    for mount in module.params["mounts"]:
        path = mount["path"]
        device, kind, source = here.get(path, ("", "", ""))
        if mounts.is_nfs(kind) and source != mount["src"]:
            raise mounts.MountError(
                f"{path} has {source} mounted, not {mount['src']}; unmount it or correct nfs in sglang_models"
            )
        if mounts.is_nfs(kind):
            mounts.refuse_dead(path, timeout, module.run_command)
            found[path] = device
        elif module.params["mounted"]:
            raise mounts.MountError(f"{path} is not mounted; see: mount {path}")
    return found


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    wanted, changed = module.params["read_ahead"], False
    try:
        found = look(module)
        for device in found.values():
            if wanted and mounts.read_ahead(device) not in {None, wanted}:
                changed = True
                if not module.check_mode:
                    with open(mounts.read_ahead_path(device), "w", encoding="ascii") as handle:
                        handle.write(str(wanted))
    except (mounts.MountError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, can_mount=mounts.helper_found(), mounted=sorted(found))


if __name__ == "__main__":
    main()
