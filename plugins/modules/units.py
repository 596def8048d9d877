#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: units
short_description: Write the systemd units of a host's servers or routers
version_added: 1.0.0
description:
  - Write the unit, the environment and the secrets of every server, or every router, that the plan puts on the host,
    and enable them. Remove those that are no longer in the plan. Only what differs is written.
  - Write the programs below C(/usr/local/lib/sglang) that the units run, remove those of an older version, and remove
    this directory with the last unit.
  - Where the path of a model is the link C(current) of a store of releases (M(multinode.sglang.release)), the unit
    names the release that this link leads to on the host. So a new release makes exactly those units stale that use it.
    C(--weight-version) is the digest of the release, and C(--served-model-name) keeps its value, unless the plan sets
    them.
  - This module starts and restarts nothing. RV(stale) lists the units that do not run what is written; see
    M(multinode.sglang.unit_service). A router is not stale if only its workers differ.
    M(multinode.sglang.router_workers) changes them while it runs, and its unit has them for the next start.
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
  servers:
    description:
      - The servers of this host, C(units) in RV(multinode.sglang.plan#module:hosts).
      - An empty list removes every server and router of this collection that is not in O(keep).
    type: list
    elements: dict
  routers:
    description:
      - The routers of this host, C(routers) in RV(multinode.sglang.plan#module:hosts).
      - An empty list removes every router of this collection that is not in O(keep).
      - Exactly one of O(servers) and O(routers) is required.
    type: list
    elements: dict
  user:
    description: User that the units run as. The default is V(sglang) for servers and V(sglang-router) for routers.
    type: str
  group:
    description: Group that the units run as. The default is the name of O(user).
    type: str
  interpreter:
    description:
      - Python that has SGLang or the router. V({version}) in it stands for the release of each server.
        The default is C(/opt/sglang/{version}/bin/python) for servers and
        C(/opt/sglang-router/current/bin/python) for routers.
    type: path
  stop_timeout:
    description:
      - How long in seconds a unit may take to stop before systemd kills it. The default is V(120) for servers and
        V(200) for routers.
      - A router lets requests finish for 180 seconds.
    type: int
  service_options:
    description:
      - Further directives of the section C([Service]), or other values for those that the collection sets. A list gives
        several lines. Null leaves a directive out.
    type: dict
    default: {}
  barrier_timeout:
    description:
      - How long in seconds a rank waits for the other ranks of its instance before its start fails and is tried again.
    type: int
    default: 300
  numactl:
    description: Arguments of C(numactl) that each server is started with, for example C(--cpunodebind=0).
    type: list
    elements: str
    default: []
  rdma_devices:
    description: Names or patterns of the RDMA devices that servers may use. Empty allows all of them.
    type: list
    elements: str
    default: []
  releases:
    description:
      - Stores of releases, each with the release that its link C(current) will lead to before the units start. Empty
        where it is known only after the copy. In check mode this shows which units a new release makes stale.
    type: dict
    default: {}
  api_key:
    description:
      - API key of every deployment that is not in O(api_keys). Servers require it. Routers require it and present it to
        servers.
    type: str
    default: ""
  admin_api_key:
    description: Administration key of the servers of every deployment that is not in O(api_keys).
    type: str
    default: ""
  api_keys:
    description: Deployments, each with its C(api_key) and C(admin_api_key) instead of O(api_key) and O(admin_api_key).
    type: dict
    default: {}
  secret_options:
    description:
      - Deployments, each with options of its routers, such as C(redis-url), and their value or list of values. They
        appear in no command line, unit or environment.
    type: dict
    default: {}
  server_secrets:
    description:
      - Deployments, each with further secrets of its servers. C(env) has environment variables, such as C(HF_TOKEN),
        with their values. C(ssl_keyfile_password) opens the key of C(ssl-keyfile).
      - They appear in no command line, unit or file that others than root and the server can read.
    type: dict
    default: {}
  prune:
    description:
      - Whether to stop and remove units of this collection that are neither in the plan nor in O(keep).
      - With O(servers) these include routers, because no play for routers runs on a host without routers.
    type: bool
    default: true
  keep:
    description: Names of further units that O(prune) keeps, such as those of deployments that are not acted on.
    type: list
    elements: str
    default: []
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Write the units of this host's servers
  multinode.sglang.units:
    servers: "{{ sglang_plan_result.hosts[inventory_hostname].units }}"
    api_key: "{{ vault_sglang_api_key }}"
  register: sglang_servers

- name: Write the units of this host's routers
  multinode.sglang.units:
    routers: "{{ sglang_plan_result.hosts[inventory_hostname].routers }}"
    api_key: "{{ vault_sglang_api_key }}"
  register: sglang_routers

- name: Remove every unit of the collection
  multinode.sglang.units:
    servers: []
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
  sample: ["write /etc/systemd/system/sglang-llama-0.service", "reload systemd", "enable sglang-llama-0"]
strays:
  description:
    - Units of this collection that are neither in the plan nor in O(keep), whether or not O(prune) removes them, each
      with C(name), C(kind) (V(server) or V(router)), C(title) and C(rank).
  returned: always
  type: list
  elements: dict
  sample: [{name: sglang-old-0, kind: server, title: old-0@gpu01, rank: 0}]
stale:
  description: Names of the units that are not active, or do not run what is written.
  returned: always
  type: list
  elements: str
  sample: ["sglang-llama-0"]
units:
  description: The planned units by name.
  returned: always
  type: dict
  contains:
    active:
      description: State of the unit in systemd.
      type: str
    digest:
      description: Digest of what is written, or would be in check mode.
      type: str
    generation:
      description: Digest of what runs. Empty if the unit does not run.
      type: str
    rank:
      description: The rank with which it runs, which may be another one than in the plan. Null if it has none.
      type: int
  sample: {"sglang-llama-0": {"active": "active", "digest": "3f1c", "generation": "3f1c", "rank": 1}}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base.systemd import Systemd, SystemdError
from ansible_collections.multinode.sglang.plugins.module_utils._units.apply import UnitsError, Wanted, bring
from ansible_collections.multinode.sglang.plugins.module_utils._units.router import wanted_routers
from ansible_collections.multinode.sglang.plugins.module_utils._units.server import wanted_servers

OPTIONS: dict[str, dict[str, Any]] = {
    "servers": {"type": "list", "elements": "dict"},
    "routers": {"type": "list", "elements": "dict"},
    "user": {"type": "str"},
    "group": {"type": "str"},
    "interpreter": {"type": "path"},
    "stop_timeout": {"type": "int"},
    "service_options": {"type": "dict", "default": {}},
    "barrier_timeout": {"type": "int", "default": 300},
    "numactl": {"type": "list", "elements": "str", "default": []},
    "rdma_devices": {"type": "list", "elements": "str", "default": []},
    "releases": {"type": "dict", "default": {}},
    "api_key": {"type": "str", "default": "", "no_log": True},
    "admin_api_key": {"type": "str", "default": "", "no_log": True},
    "api_keys": {"type": "dict", "default": {}, "no_log": True},
    "secret_options": {"type": "dict", "default": {}, "no_log": True},
    "server_secrets": {"type": "dict", "default": {}, "no_log": True},
    "prune": {"type": "bool", "default": True},
    "keep": {"type": "list", "elements": "str", "default": []},
}
SERVERS = {"user": "sglang", "interpreter": "/opt/sglang/{version}/bin/python", "stop_timeout": 120}
ROUTERS = {"user": "sglang-router", "interpreter": "/opt/sglang-router/current/bin/python", "stop_timeout": 200}


def wanted(params: dict[str, Any]) -> Wanted:
    """Return the units that the options ask for; each kind has its own defaults."""
    kind = ROUTERS if params["servers"] is None else SERVERS
    given = {name: kind.get(name) if value is None else value for name, value in params.items()}
    given["group"] = given["group"] or given["user"]
    return wanted_routers(given) if params["servers"] is None else wanted_servers(given)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=OPTIONS,
        mutually_exclusive=[("servers", "routers")],
        required_one_of=[("servers", "routers")],
        supports_check_mode=True,
    )
    try:
        result = bring(wanted(module.params), Systemd(module.run_command), module.check_mode)
    except (SystemdError, UnitsError, ValueError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(
            msg=f"{error.filename or 'a file'} cannot be written: {error.strerror or error}; make its file system "
            "writable: this collection needs /usr/local/lib/sglang, /etc/sglang and /etc/systemd/system"
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
