#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: units
short_description: Makes the systemd units of a host those of the plan
version_added: "1.0.0"
description:
  - Writes the unit, the environment and the keys of every SGLang server that the plan puts on the host, enables them, and
    removes the ones that are not in the plan any more. Only what differs is written.
  - Where a model's path is the link C(current) of a store of releases (M(multinode.sglang.release)), the unit names the release that
    it leads to on this host; likewise for every other option with such a path. So a new release makes exactly the units stale that use
    it. C(--weight-version) tells the release, and the model keeps its name in the API, unless the plan gives these.
  - Starts and restarts nothing; RV(stale) says which units do not run what is written. See M(multinode.sglang.unit_state).
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - API keys are never shown, only that they change.
  idempotent:
    support: full
options:
  units:
    description:
      - The units of this host, as RV(multinode.sglang.plan#module:hosts) gives them.
      - An empty list with O(prune=true) and nothing in O(keep) removes every unit that this collection has made, and O(helper_path).
    type: list
    elements: dict
    required: true
  user:
    description: The user that the servers run as.
    type: str
    default: sglang
  group:
    description: The group that the servers run as; the name of O(user) where it is left out.
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
    description: The Python that has SGLang.
    type: path
    default: /opt/sglang/current/bin/python
  helper_path:
    description: Where the program lies that checks network, ports and peers before each start.
    type: path
    default: /usr/local/lib/sglang/prestart.py
  helper_source:
    description: The text of that program.
    type: str
    required: true
  rdma_helper_source:
    description: The text of the program that looks up the RDMA devices before each start, which lies beside O(helper_path) as C(rdma.py).
    type: str
    required: true
  rdma_devices:
    description: Names or patterns of the RDMA devices that it may choose; all without any.
    type: list
    elements: str
    default: []
  barrier_timeout:
    description: How long in seconds a rank waits for the other ranks of its instance before it gives up and tries again.
    type: int
    default: 300
  stop_timeout:
    description: How long in seconds a server may take to stop before systemd kills it.
    type: int
    default: 120
  numactl:
    description: Words for C(numactl) that each server is started through, for example C(--cpunodebind=0).
    type: list
    elements: str
    default: []
  service_options:
    description:
      - Further directives of the section C([Service]), or other values for those that the collection sets. A list gives several
        lines, null leaves a directive out.
    type: dict
    default: {}
  api_keys:
    description: Deployment to a mapping with C(api_key) and C(admin_api_key).
    type: dict
    default: {}
  releases:
    description:
      - Stores of releases whose link C(current) will lead elsewhere before the units start, and to which release; an empty one is known
        only when it has been copied. In check mode, this tells which units a new release makes stale.
    type: dict
    default: {}
  prune:
    description:
      - Whether units that this collection has made and that are neither in O(units) nor in O(keep) are stopped and removed.
      - Routers belong to these, because a host that has none any more is in no play for routers.
    type: bool
    default: true
  keep:
    description: Names of further units that O(prune) leaves alone, such as those of deployments that are not acted on.
    type: list
    elements: str
    default: []
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Make the units of this host those of the plan
  multinode.sglang.units:
    units: "{{ sglang_plan_result.hosts[inventory_hostname].units }}"
    helper_source: "{{ lookup('ansible.builtin.file', 'prestart.py', rstrip=false) }}"
    rdma_helper_source: "{{ lookup('ansible.builtin.file', 'rdma.py', rstrip=false) }}"
  register: sglang_units

- name: Remove every unit that the collection has made
  multinode.sglang.units:
    units: []
    helper_source: ""
    rdma_helper_source: ""
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in words.
  returned: always
  type: list
  elements: str
  sample: ["write /etc/systemd/system/sglang-llama-0.service", "reload systemd", "enable sglang-llama-0"]
stale:
  description: Names of the units that are not active, or run something else than what is written now.
  returned: always
  type: list
  elements: str
  sample: ["sglang-llama-0"]
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
  sample: {"sglang-llama-0": {"active": "active", "digest": "3f1c", "generation": "3f1c"}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base.systemd import Systemd, SystemdError
from ansible_collections.multinode.sglang.plugins.module_utils._units.apply import UnitsError, bring_about
from ansible_collections.multinode.sglang.plugins.module_utils._units.server_files import wanted_units

OPTIONS = {
    "units": {"type": "list", "elements": "dict", "required": True},
    "user": {"type": "str", "default": "sglang"},
    "group": {"type": "str"},
    "config_dir": {"type": "path", "default": "/etc/sglang"},
    "unit_dir": {"type": "path", "default": "/etc/systemd/system"},
    "interpreter": {"type": "path", "default": "/opt/sglang/current/bin/python"},
    "helper_path": {"type": "path", "default": "/usr/local/lib/sglang/prestart.py"},
    "helper_source": {"type": "str", "required": True},
    "rdma_helper_source": {"type": "str", "required": True},
    "rdma_devices": {"type": "list", "elements": "str", "default": []},
    "barrier_timeout": {"type": "int", "default": 300},
    "stop_timeout": {"type": "int", "default": 120},
    "numactl": {"type": "list", "elements": "str", "default": []},
    "service_options": {"type": "dict", "default": {}},
    "api_keys": {"type": "dict", "default": {}, "no_log": True},
    "releases": {"type": "dict", "default": {}},
    "prune": {"type": "bool", "default": True},
    "keep": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    try:
        result = bring_about(wanted_units(module.params), Systemd(module.run_command), module.check_mode)
    except (SystemdError, UnitsError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
