#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: runtime
short_description: Install SGLang or a router in a versioned virtual environment, or verify it
version_added: 1.0.0
description:
  - Creates the virtual environment O(root)/O(version), installs O(packages) and O(packages_no_deps) in it, and switches
    the symbolic link O(root)/current to it in one step when everything is verified. An environment whose installation
    was interrupted is built again.
  - If the environment is complete already, the module only reads directories, and starts no process.
  - Prints about every 15 seconds what the installer does.
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
    description: The Python package to install, such as V(sglang), V(sglang-router) or V(smg).
    type: str
    default: sglang
  variables:
    description: The prefix of the role's variables, so that errors name the variable to correct.
    type: str
    default: sglang_runtime
  method:
    description: V(install) installs O(distribution). V(existing) only verifies the environment at O(path).
    type: str
    choices: [install, existing]
    default: install
  version:
    description: The version of O(distribution), exactly.
    type: str
    required: true
  root:
    description: With O(method=install), the directory with one environment for each version.
    type: path
  path:
    description: With O(method=existing), the environment to verify, the directory that has C(bin/python).
    type: path
  current:
    description: Whether the link O(root)/current leads to this version.
    type: bool
    default: true
  python:
    description:
      - The interpreter that creates the virtual environment, a name or a path.
      - V(auto) takes C(python3) of the host if O(version) supports it. Otherwise uv installs Python 3.12 in
        O(root)/python. A version, such as V(3.12), always does that.
      - An environment that exists keeps its interpreter.
    type: str
    default: auto
  python_mirror:
    description:
      - From where uv gets that Python, a URL or a directory of the host. Unset gets it from the project
        python-build-standalone on GitHub.
    type: str
  installer:
    description: V(pip) uses the configuration of pip on the host. V(uv) is faster and has its own configuration.
    type: str
    choices: [pip, uv]
    default: pip
  uv_version:
    description: The version of uv that pip installs in the virtual environment with O(installer=uv).
    type: str
    default: 0.13.9
  packages:
    description: Requirements that are installed together, with their dependencies.
    type: list
    elements: str
    default: []
  packages_no_deps:
    description: Requirements that are installed after O(packages), without dependencies.
    type: list
    elements: str
    default: []
  constraints:
    description: Constraints for the versions of further packages, such as C(numpy==2.3.4).
    type: list
    elements: str
    default: []
  wheelhouse:
    description: A directory on the host with all packages. Then no package index is used.
    type: path
  installer_args:
    description: Further arguments for each installing command, such as C(--index-url) and its value.
    type: list
    elements: str
    default: []
  free_gib:
    description: The free space in GiB that a new environment needs below O(root). With less, it is refused.
    type: float
    default: 0
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Install SGLang
  multinode.sglang.runtime:
    version: 0.5.23
    root: /opt/sglang
    packages: [sglang==0.5.23]

- name: Verify an existing SGLang
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
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["create /opt/sglang/0.5.23", "install sglang==0.5.23", "switch /opt/sglang/current to 0.5.23"]
can_make_venvs:
  description: Whether the interpreter can create virtual environments. True if none has to be created.
  returned: always
  type: bool
  sample: true
version:
  description: The option O(version).
  returned: always
  type: str
  sample: 0.5.23
digest:
  description: A digest that is the same on hosts with the same packages. Empty if O(distribution) is not installed.
  returned: always
  type: str
  sample: 6b0a1d
packages:
  description: Version of each installed package.
  returned: always
  type: dict
  sample: {"sglang": "0.5.23"}
interpreter:
  description: The Python interpreter of the environment.
  returned: always
  type: str
  sample: /opt/sglang/0.5.23/bin/python
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._runtime import install
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.arguments import ARGUMENTS, RULES
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.python import can_make_venvs
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.request import Request, RuntimeRefused
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.venv import Venv


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, **RULES)
    os.umask(0o022)
    request = Request.from_params(module.params)
    venv = Venv(request)
    before = venv.summary()
    try:
        actions, chosen = install.examine(request, venv, module.run_command)
        if actions and not module.check_mode:
            install.Installer(request, venv, chosen, module.run_command).run()
    except RuntimeRefused as error:
        module.fail_json(msg=str(error))
    after = venv.planned_summary() if module.check_mode and actions else venv.summary()
    packages, digest = venv.packages()
    module.exit_json(
        changed=bool(actions),
        actions=actions,
        can_make_venvs=chosen is None or can_make_venvs(chosen.maker, module.run_command),
        version=request.version,
        packages=packages,
        digest=digest,
        interpreter=venv.interpreter,
        diff={"before": before, "after": after},
    )


if __name__ == "__main__":
    main()
