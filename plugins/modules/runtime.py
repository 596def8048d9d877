#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: runtime
short_description: Install releases of SGLang or a router in virtual environments, or verify them
version_added: 1.0.0
description:
  - For each of O(versions), creates the virtual environment O(root)/VERSION and installs O(packages) and
    O(packages_no_deps) in it. When everything is verified, the symbolic link O(root)/current is switched to O(current)
    in one step. An environment whose installation was interrupted is built again. Others are left alone.
  - If the environments are complete already, the module only reads directories, and starts no process.
  - What releases of SGLang need of Python and of the C library is checked before anything is installed.
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
  versions:
    description:
      - The versions of O(distribution), exactly. Required with O(state=present). In O(path), O(packages),
        O(packages_no_deps), O(constraints) and O(installer_args), V({version}) stands for each of them.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(absent) removes from O(root) every environment, interpreter, log and link that this module has made, and
        nothing else. O(root) itself is removed if that leaves it empty.
    type: str
    choices: [present, absent]
    default: present
  root:
    description: With O(method=install), the directory with one environment for each version.
    type: path
  path:
    description: With O(method=existing), the environment to verify, the directory that has C(bin/python).
    type: path
  current:
    description: The version that the link O(root)/current leads to. Unset chooses the first of O(versions).
    type: str
  python:
    description:
      - The interpreter that creates the virtual environment, a name or a path.
      - V(auto) takes C(python3) of the host if the version supports it. Otherwise uv installs Python 3.12 in
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
  index_url:
    description: The package index to use, in place of the one that the host is configured for. It may have a password.
    type: str
    default: ""
  wheels_only:
    description: Whether to refuse packages that would be built on the host, which runs their code as root.
    type: bool
    default: true
  lock:
    description:
      - The path of a file on the controller with every package, its version and its hashes, as C(uv pip compile
        --generate-hashes) writes it. V({version}) stands for the release. Packages with other hashes are refused.
      - V(auto) takes the one that comes with the collection, if it has one for the release and there are no
        O(constraints). Empty uses none.
    type: str
    default: ""
  locks:
    description: Their texts by version. Only the action plugin sets it.
    type: dict
    default: {}
  lock_digests:
    description: Digests of those that a user has made, by version. Only the action plugin sets it.
    type: dict
    default: {}
  installer_args:
    description: Further arguments for each installing command, such as C(--index-url) and its value.
    type: list
    elements: str
    default: []
  commands:
    description:
      - Commands that the parser of the installed SGLang must accept, in check mode, too. It is asked only where the
        version is installed. What it refuses is refused in its own words. If it cannot be asked, there is a warning.
    type: list
    elements: dict
    default: []
    suboptions:
      where:
        description: Where the command comes from, for messages.
        type: str
        required: true
      version:
        description: One of O(versions). Other commands are ignored.
        type: str
        required: true
      words:
        description: What follows the name of the module that is started.
        type: list
        elements: str
        required: true
      environment:
        description: Environment variables of the command. They may decide what its parser accepts.
        type: dict
        default: {}
      hosts:
        description: Inventory names of hosts. The first of them in the play asks. Empty asks on every host.
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
    versions: [0.5.23]
    root: /opt/sglang
    packages: ["sglang=={version}"]

- name: Verify an existing SGLang
  multinode.sglang.runtime:
    method: existing
    versions: [0.5.23]
    path: /opt/my-venv

- name: Remove everything that was installed there
  multinode.sglang.runtime:
    state: absent
    root: /opt/sglang

- name: Install a router
  multinode.sglang.runtime:
    distribution: sglang-router
    variables: sglang_router
    versions: [0.3.2]
    root: /opt/sglang-router
    packages: ["sglang-router=={version}"]
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
releases:
  description: Each of O(versions).
  returned: always
  type: list
  elements: dict
  contains:
    version:
      description: The version.
      type: str
    actions:
      description: What was done for it.
      type: list
      elements: str
    digest:
      description: A digest that is the same on hosts with the same packages. Empty without O(distribution).
      type: str
    packages:
      description: Version of each installed package, and of Python.
      type: dict
    interpreter:
      description: The Python interpreter of the environment.
      type: str
  sample:
    - version: 0.5.23
      actions: []
      digest: 6b0a1d
      packages: {python: "3.12", sglang: 0.5.23}
      interpreter: /opt/sglang/0.5.23/bin/python
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._runtime import install, remove
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.arguments import ARGUMENTS, RULES
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.ask import ask
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.python import can_make_venvs
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.request import Request, RuntimeRefused
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.venv import Venv


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, **RULES)
    os.umask(0o022)
    if module.params["state"] == "absent":
        module.exit_json(**remove.everything(module.params["root"], module.check_mode))
    try:
        requests = [Request.from_params(module.params, version) for version in module.params["versions"]]
        found = [bring(request, module) for request in requests]
    except RuntimeRefused as error:
        module.fail_json(msg=str(error))
    actions = [action for one in found for action in one["actions"]]
    module.exit_json(
        changed=bool(actions),
        actions=actions,
        can_make_venvs=all(one.pop("can_make_venvs") for one in found),
        diff=[one.pop("diff") for one in found],
        releases=found,
    )


def bring(request: Request, module: AnsibleModule) -> dict[str, Any]:
    """Install one version, or in check mode only look."""
    venv = Venv(request)
    before = venv.summary()
    actions, chosen = install.examine(request, venv, module.run_command)
    if actions and not module.check_mode:
        install.Installer(request, venv, chosen, module.run_command).run()
    commands = [one for one in module.params["commands"] if one["version"] == request.version]
    if commands and venv.version():
        for warning in ask(venv, request.title, commands, module.run_command):
            module.warn(warning)
    after = venv.planned_summary() if module.check_mode and actions else venv.summary()
    packages, digest = venv.packages()
    return {
        "version": request.version,
        "actions": actions,
        "can_make_venvs": chosen is None or can_make_venvs(chosen.maker, module.run_command),
        "packages": packages,
        "digest": digest,
        "interpreter": venv.interpreter,
        "diff": {"before": before, "after": after},
    }


if __name__ == "__main__":
    main()
