#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: router_units
short_description: Makes the systemd units of a host's routers those of the plan
version_added: "1.0.0"
description:
  - Writes the unit and the secrets of every router that the plan puts on the host, enables them, and removes the ones that are
    not in the plan any more. Only what differs is written. Units of servers are left alone.
  - Starts and restarts nothing; RV(stale) says which routers do not run what is written. A router with other workers than those
    written is not stale. It is told its workers while it runs, and what is written is for its next start.
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Secrets are never shown, only that they change.
  idempotent:
    support: full
options:
  routers:
    description:
      - The routers of this host, as RV(multinode.sglang.plan#module:hosts) gives them.
      - An empty list with O(prune=true) and nothing in O(keep) removes every router that this collection has made, and its programs.
    type: list
    elements: dict
    required: true
  user:
    description: The user that the routers run as.
    type: str
    default: sglang-router
  group:
    description: The group that the routers run as; the name of O(user) where it is left out.
    type: str
  config_dir:
    description: The directory with one directory for each unit.
    type: path
    default: /etc/sglang
  unit_dir:
    description: The directory of the unit files.
    type: path
    default: /etc/systemd/system
  interpreter:
    description: The Python that has the router.
    type: path
    default: /opt/sglang-router/current/bin/python
  lib_dir:
    description: Where the programs lie that check the ports before each start and hand the router its secrets.
    type: path
    default: /usr/local/lib/sglang-router
  launcher_source:
    description: The text of the program that starts a router.
    type: str
    required: true
  prestart_source:
    description: The text of the program that checks the ports.
    type: str
    required: true
  stop_timeout:
    description: How long in seconds a router may take to stop before systemd kills it. It lets requests finish for 180 seconds.
    type: int
    default: 200
  service_options:
    description:
      - Further directives of the section C([Service]), or other values for those that the collection sets. A list gives several
        lines, null leaves a directive out.
    type: dict
    default: {}
  secrets:
    description:
      - Deployment to a mapping of the router's options, such as C(api-key), to a value or a list of values. They never become
        part of a command line, a unit or an environment.
    type: dict
    default: {}
  prune:
    description: Whether routers that this collection has made and that are neither in O(routers) nor in O(keep) are stopped and removed.
    type: bool
    default: true
  keep:
    description: Names of further routers that O(prune) leaves alone, such as those of deployments that are not acted on.
    type: list
    elements: str
    default: []
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Make the routers of this host those of the plan
  multinode.sglang.router_units:
    routers: "{{ sglang_plan_result.hosts[inventory_hostname].routers }}"
    launcher_source: "{{ lookup('ansible.builtin.file', 'router.py', rstrip=false) }}"
    prestart_source: "{{ lookup('ansible.builtin.file', 'prestart.py', rstrip=false) }}"
    secrets: {llama: {api-key: "{{ vault_sglang_api_key }}"}}
  register: sglang_routers

- name: Remove every router that the collection has made
  multinode.sglang.router_units:
    routers: []
    launcher_source: ""
    prestart_source: ""
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in words.
  returned: always
  type: list
  elements: str
  sample: ["write /etc/systemd/system/sglang-router-llama.service", "reload systemd", "enable sglang-router-llama"]
stale:
  description: Names of the routers that are not active, or run something else than what is written now, apart from their workers.
  returned: always
  type: list
  elements: str
  sample: ["sglang-router-llama"]
units:
  description: What is wanted and what runs, by name of the unit.
  returned: always
  type: dict
  contains:
    active:
      description: The state that systemd gives.
      type: str
    digest:
      description: The generation that is written.
      type: str
    generation:
      description: The generation that runs, empty if none.
      type: str
  sample: {"sglang-router-llama": {"active": "active", "digest": "3f1c", "generation": "3f1c"}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base.systemd import Systemd, SystemdError
from ansible_collections.multinode.sglang.plugins.module_utils._units.apply import UnitsError, bring_about
from ansible_collections.multinode.sglang.plugins.module_utils._units.router_files import wanted_routers

OPTIONS = {
    "routers": {"type": "list", "elements": "dict", "required": True},
    "user": {"type": "str", "default": "sglang-router"},
    "group": {"type": "str"},
    "config_dir": {"type": "path", "default": "/etc/sglang"},
    "unit_dir": {"type": "path", "default": "/etc/systemd/system"},
    "interpreter": {"type": "path", "default": "/opt/sglang-router/current/bin/python"},
    "lib_dir": {"type": "path", "default": "/usr/local/lib/sglang-router"},
    "launcher_source": {"type": "str", "required": True},
    "prestart_source": {"type": "str", "required": True},
    "stop_timeout": {"type": "int", "default": 200},
    "service_options": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "prune": {"type": "bool", "default": True},
    "keep": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    try:
        result = bring_about(wanted_routers(module.params), Systemd(module.run_command), module.check_mode)
    except (SystemdError, UnitsError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
