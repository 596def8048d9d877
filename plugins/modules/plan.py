#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Compute what all hosts of SGLang deployments must agree on
version_added: 1.0.0
description:
  - Turns the inventory and a mapping of deployments into one plan. For each host, the plan has the servers and routers
    with their options, environment, GPUs and ports, the models with their releases, the ports to reserve, and the
    peers that must reach it.
  - The plan depends on the inventory alone. It is the same on every run, and the ports of a host do not change when
    other hosts are added.
  - It is computed on the controller. It connects to no host, so it works in check mode, with C(--limit), and whatever
    state the hosts are in. Run it once for all hosts of a play with C(run_once), because each call reads the variables
    of all hosts of the plan.
  - A plan that cannot work is refused with one sentence for each reason, before any host is touched.
  - The role P(multinode.sglang.sglang_plan#role) calls this module with the variables of the inventory. Its README
    explains each of them.
options:
  variables:
    description:
      - Names of variables by option, for options that are read from the variables of hosts instead of being set here.
        All but the options that follow O(models_release) can be.
      - The plan is one for all hosts, so each host of the plan must have the same value, wherever the inventory sets
        it, and the plan is refused where they differ. It never depends on the host that the task runs on, which
        C(--limit) may change.
      - A host has what a task there would have, so extra variables, those of the play and the defaults of the role
        count as Ansible ranks them.
    type: dict
    default: {}
  sglang_version:
    description: The release of SGLang on the hosts. It decides which options are known, and how they are spelled.
    type: str
  router_package:
    description: The package whose program is the router, V(sglang-router) or its successor V(smg).
    type: str
  router_version:
    description:
      - The release of O(router_package) on the hosts. It decides which options are known. Empty uses the newest one
        that is known.
    type: str
    default: ''
  ephemeral_ports:
    description: The hosts' C(net.ipv4.ip_local_port_range), written as a range, such as V(32768-60999).
    type: str
  reserved_ports:
    description:
      - Ports that the hosts keep out of the ephemeral range, in the form of C(net.ipv4.ip_local_reserved_ports).
    type: str
    default: ''
  env:
    description:
      - Environment variables of every server. Deployments, groups and hosts (C(sglang_host_env)) override them.
    type: dict
    default: {}
  models_root:
    description: The directory on every host with one directory of releases for each of O(models).
    type: str
  models_port:
    description:
      - The port at which hosts copy the first of O(models), by name, from each other. Each further model has
        the next port.
    type: int
  models_release:
    description:
      - The release to switch to, V(previous) or a digest, for all of O(models) that name none. Empty uses the release
        at their source.
    type: str
    default: ''
  only:
    description:
      - Names of deployments to act on, separated by commas. Empty for all of them.
      - The selection does not change any port, because ports come from the whole plan.
    type: str
    default: ''
  remove_hosts:
    description: Hosts that are to be cleaned. The plan is refused if the inventory does not have one of them.
    type: raw
    default: ""
  whole_instances:
    description: Whether to refuse a play with only a part of the hosts of an instance.
    type: bool
    default: false
  show:
    description: Whether to print the plan, as tables (V(text)) or whole (V(json)).
    type: str
    choices: [none, text, json]
    default: none
  dest:
    description: A file on the controller to write the plan to, as JSON. Without it, no file is written.
    type: path
extends_documentation_fragment:
  - multinode.sglang._attributes
  - multinode.sglang._deployments
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
# The role passes the variables of the inventory. It connects to no host.
- name: Print the plan
  ansible.builtin.import_role:
    name: multinode.sglang.sglang_plan
  vars:
    sglang_plan_show: text
  run_once: true

- name: Plan one deployment without the role
  multinode.sglang.plan:
    deployments:
      llama:
        model: /data/models/Meta-Llama-3.1-405B-Instruct
        server: {hosts: llama_nodes, nnodes: 2, tp_size: 16}
    sglang_version: 0.5.23
    router_package: sglang-router
    router_version: 0.3.2
    ephemeral_ports: 32768-60999
    models_root: /data/models
    models_port: 21500
    dest: plan.json
  run_once: true
"""

RETURN = r"""
deployments:
  description: The deployments by name.
  returned: success
  type: dict
  contains:
    model:
      description: What SGLang loads, a path or a hub name.
      type: str
    served_model:
      description: The name of the model in the API.
      type: str
    instances:
      description:
        - Each instance with C(name) of its units, C(instance), which is that name and the host of rank 0, C(role),
          C(nnodes), C(ranks) (host and address), C(api_port), C(scheme), C(url), C(ports) and C(digest), which changes
          when the instance must restart.
      type: list
      elements: dict
    bootstrap:
      description:
        - The bootstrap server of each prefill instance (C(name) of its units, C(instance), C(host), C(address),
          C(port)), and the C(ranks) that must have registered there.
      type: list
      elements: dict
    routers:
      description: Address of each router (C(name), C(host), C(address), C(port), C(scheme), C(url), C(ports)).
      type: list
      elements: dict
    unread:
      description:
        - A command for each group of a release whose options the plan does not know. C(where) it comes from,
          C(version), C(words) for the parser of that release, C(environment) without secrets, and C(hosts), one of
          which asks.
      type: list
      elements: dict
  sample:
    llama:
      model: /models/llama
      served_model: /models/llama
      instances:
        - name: sglang-llama-0
          instance: llama-0@node1
          role: server
          nnodes: 1
          ranks: [{host: node1, address: 10.0.0.1}]
          api_port: 30000
          scheme: http
          url: http://10.0.0.1:30000
          ports: {api: "30000", dist_init: "20000"}
          digest: 5f0c
      bootstrap: []
      routers: []
      unread: []
hosts:
  description: What each host runs, opens and stores, by name.
  returned: success
  type: dict
  contains:
    address:
      description: The address that its peers reach.
      type: str
    units:
      description:
        - Its servers. C(options) is the command as data. What O(show) and O(dest) write as JSON has C(argv) too, the
          same as arguments of the interpreter.
        - The other keys are C(name), C(instance), C(deployment), C(role), C(rank), C(nnodes), C(slot), C(host),
          C(address), C(interface), C(ranks), C(gpus) or C(gpu_uuids), C(ports), C(api_port), C(scheme), C(model),
          C(served_model), C(sglang_version), C(environment), C(ib_devices_file) and C(digest).
      type: list
      elements: dict
    left_out_units:
      description: The names of its servers that O(only) leaves out.
      type: list
      elements: str
    sglang_versions:
      description: The releases of SGLang that these servers run.
      type: list
      elements: str
    routers:
      description:
        - Its routers. C(options) is the command as data, without workers. What O(show) and O(dest) write as JSON has
          C(argv) too, the whole of it as arguments.
        - The other keys are C(name), C(deployment), C(host), C(address), C(port), C(scheme), C(url), C(ports),
          C(package), C(workers), C(served_model) and C(digest).
      type: list
      elements: dict
    left_out_routers:
      description: The names of its routers that O(only) leaves out.
      type: list
      elements: str
    reserved_ports:
      description: All planned ports, to keep out of the ephemeral range.
      type: str
    reach:
      description:
        - Who may connect to which TCP C(ports), and C(why). C(sources) names a set of RV(peers), V(clients) or
          V(scrapers).
        - The filter P(multinode.sglang.plan_reach#filter) returns the same with addresses.
      type: list
      elements: dict
    releases:
      description:
        - Models whose releases are on its disk, as M(multinode.sglang.release) takes them (C(name), C(store),
          C(source), C(expected), C(release), C(keep), C(address), C(port), C(exact)).
      type: list
      elements: dict
    mounts:
      description: NFS exports that it mounts (C(server), C(port), C(src), C(path), C(opts)).
      type: list
      elements: dict
  sample:
    node1:
      address: 10.0.0.1
      units: []
      left_out_units: []
      sglang_versions: []
      routers: []
      left_out_routers: []
      reserved_ports: 20000-20006,30000
      reach: [{sources: clients, ports: "30000", why: "llama-0: the API"}]
      releases: []
      mounts: []
left_out:
  description: The deployments that O(only) leaves out. RV(deployments) and RV(hosts) lack them.
  returned: always
  type: list
  elements: str
peers:
  description:
    - The sets of addresses that rules refer to, such as C(instance llama-0@node1), C(prefill deepseek), C(decode
      deepseek), C(routers llama) and C(model llama).
  returned: success
  type: dict
  sample: {"instance llama-0@node1": [10.0.0.1, 10.0.0.2]}
sglang_version:
  description: The release of SGLang that the plan is for.
  returned: success
  type: str
  sample: 0.5.23
router_package:
  description: The package of the routers.
  returned: success
  type: str
  sample: sglang-router
router_version:
  description: The release of that package.
  returned: success
  type: str
  sample: 0.3.2
models_root:
  description: The directory of the models' releases.
  returned: success
  type: str
  sample: /data/models
ephemeral_ports:
  description: The range from which the kernel assigns ports.
  returned: success
  type: str
  sample: 32768-60999
dynamic_ports:
  description: Ranges in which SGLang and its libraries open ports that no option sets.
  returned: success
  type: dict
  sample: {"ephemeral": 32768-60999, "mooncake": 15000-17000}
port_reasons:
  description: The purpose of each named port.
  returned: success
  type: dict
  sample: {"api": "--port: the API on rank 0, a health answer on the other ranks"}
warnings:
  description: What the plan could not check, one sentence each.
  returned: success
  type: list
  elements: str
  sample: []
"""
