#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: runtime
short_description: Installs SGLang or a router in a versioned virtual environment, or verifies one that is there
version_added: "1.0.0"
description:
  - Makes the virtual environment O(root)/O(version), installs O(packages) and O(packages_no_deps) in it, and switches the symbolic link
    O(root)/current to it in one step when everything is verified. An environment whose installation was cut short is built again.
  - Where it is there already this takes one look at the directories, no process.
  - Prints what the installer does about every 15 seconds.
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
  distribution:
    description: The Python package that it is all about, such as V(sglang), V(sglang-router) or V(smg).
    type: str
    default: sglang
  variables:
    description: What the names of the role's variables begin with, for errors that say which one to correct.
    type: str
    default: sglang_runtime
  method:
    description: V(install) installs, V(existing) only verifies what is at O(path).
    type: str
    choices: [install, existing]
    default: install
  version:
    description: The version of O(distribution), exactly.
    type: str
    required: true
  root:
    description: The directory of the versions.
    type: path
    default: /opt/sglang
  path:
    description: With O(method=existing), the environment to verify, the directory that has C(bin/python).
    type: path
  python:
    description: The interpreter that the virtual environment is made with.
    type: str
    default: python3
  installer:
    description: V(uv) is faster, V(pip) heeds the configuration of pip on the host.
    type: str
    choices: [pip, uv]
    default: pip
  uv_version:
    description: The version of uv that pip installs in the virtual environment with O(installer=uv).
    type: str
    default: 0.13.9
  packages:
    description: Requirements that are installed with their dependencies, at the same time.
    type: list
    elements: str
    default: []
  packages_no_deps:
    description: Requirements that are installed after them without dependencies.
    type: list
    elements: str
    default: []
  constraints:
    description: Constraints for the versions of further packages, such as C(numpy==2.3.4).
    type: list
    elements: str
    default: []
  wheelhouse:
    description: A directory on the host with all packages; no index is asked then.
    type: path
  installer_args:
    description: Further words for each installing command, such as C(--index-url) and its value.
    type: list
    elements: str
    default: []
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Install SGLang
  multinode.sglang.runtime:
    version: 0.5.23
    packages: [sglang==0.5.23]

- name: Verify the SGLang that is there
  multinode.sglang.runtime:
    method: existing
    version: 0.5.23
    path: /opt/my-venv

- name: Install a router
  multinode.sglang.runtime:
    distribution: sglang-router
    variables: sglang_router
    version: 0.3.2
    root: /opt/sglang-router
    packages: [sglang-router==0.3.2]
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in words.
  returned: always
  type: list
  elements: str
  sample: ["make /opt/sglang/0.5.23", "install sglang==0.5.23", "switch /opt/sglang/current to 0.5.23"]
can_make_venvs:
  description: Whether the interpreter can make virtual environments; true where none has to be made.
  returned: always
  type: bool
  sample: true
digest:
  description: One word that is the same on hosts with the same packages, empty if O(distribution) is not installed.
  returned: always
  type: str
  sample: 6b0a1d
packages:
  description: Version of each installed package.
  returned: always
  type: dict
  sample: {"sglang": "0.5.23"}
interpreter:
  description: The Python that has it.
  returned: always
  type: str
  sample: /opt/sglang/current/bin/python
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.install import (
    Installer,
    Request,
    RuntimeRefused,
    Venv,
    can_make_venvs,
)

OPTIONS = {
    "distribution": {"type": "str", "default": "sglang"},
    "variables": {"type": "str", "default": "sglang_runtime"},
    "method": {"type": "str", "choices": ["install", "existing"], "default": "install"},
    "version": {"type": "str", "required": True},
    "root": {"type": "path", "default": "/opt/sglang"},
    "path": {"type": "path"},
    "python": {"type": "str", "default": "python3"},
    "installer": {"type": "str", "choices": ["pip", "uv"], "default": "pip"},
    "uv_version": {"type": "str", "default": "0.13.9"},
    "packages": {"type": "list", "elements": "str", "default": []},
    "packages_no_deps": {"type": "list", "elements": "str", "default": []},
    "constraints": {"type": "list", "elements": "str", "default": []},
    "wheelhouse": {"type": "path"},
    "installer_args": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=OPTIONS, supports_check_mode=True, required_if=[("method", "existing", ("path",))]
    )
    os.umask(0o022)
    request = Request.from_params(module.params)
    venv = Venv(request)
    before = venv.summary()
    try:
        actions = venv.examine()
        if actions and not module.check_mode:
            Installer(request, venv, module.run_command).run()
    except RuntimeRefused as error:
        module.fail_json(msg=str(error))
    after = venv.planned_summary() if module.check_mode and actions else venv.summary()
    packages, digest = venv.packages()
    module.exit_json(
        changed=bool(actions),
        actions=actions,
        can_make_venvs=not actions or can_make_venvs(request.python, module.run_command),
        packages=packages,
        digest=digest,
        interpreter=venv.interpreter,
        diff={"before": before, "after": after},
    )


if __name__ == "__main__":
    main()
