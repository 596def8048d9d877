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
  - Turns the inventory and a mapping of deployments into one plan, which holds for each host its units with the complete command line,
    environment, GPUs and ports, the ports to keep out of the ephemeral range, and who must reach it on what.
  - The plan depends on the inventory alone. It is the same on every run, and the ports of a host do not change when other hosts are added.
  - It is computed on the controller. No host is connected to, so it works in check mode, with C(--limit), and whatever state hosts are in.
    Run it once for all hosts of a play with C(run_once), because each call reads the variables of all hosts that serve.
  - A plan that cannot work is refused with one sentence for each reason, before any host is touched.
options:
  deployments:
    description:
      - What is served where. The keys are names of deployments.
      - The README of the role P(multinode.sglang.sglang_plan#role) explains each key below a deployment.
    type: dict
    required: true
  sglang_version:
    description: The release of SGLang on the hosts. It decides the spelling of options, and which options there are.
    type: str
    required: true
  env:
    description: Environment variables of every unit. Deployments, groups and hosts (C(sglang_host_env)) override them.
    type: dict
    default: {}
  ephemeral_ports:
    description: The hosts' C(net.ipv4.ip_local_port_range), written as a range.
    type: str
    default: 32768-60999
  reserved_ports:
    description: Ports that the hosts keep out of the ephemeral range, in the form of C(net.ipv4.ip_local_reserved_ports).
    type: str
    default: ''
  router_package:
    description: The package whose program serves as router, V(sglang-router) or its successor V(smg).
    type: str
    default: sglang-router
  router_version:
    description: The release of O(router_package) on the hosts. It decides which options there are.
    type: str
    default: 0.3.2
  models:
    description:
      - The models that a deployment may name, C(sglang_models).
      - The README of the role P(multinode.sglang.model_weights#role) explains each key of a model.
    type: dict
    default: {}
  models_root:
    description: The directory with one directory of releases for each of O(models), on every host.
    type: str
    default: /data/models
  only:
    description:
      - Names of deployments to act on, separated by commas. Empty for all of them.
      - The ports are those of the whole plan, whatever is chosen here.
    type: str
    default: ''
  whole_instances:
    description: Refuse where the hosts of the play are only a part of the hosts of an instance.
    type: bool
    default: false
  show:
    description: Print the plan, as tables (V(text)) or whole (V(json)).
    type: str
    choices: [none, text, json]
    default: none
  dest:
    description: A file on the controller to write the plan to, as JSON.
    type: path
extends_documentation_fragment:
  - multinode.sglang._attributes
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
- name: Plan all deployments
  multinode.sglang.plan:
    deployments: "{{ sglang_deployments }}"
    sglang_version: 0.5.23
    show: text
  run_once: true
  register: sglang_plan_result
"""

RETURN = r"""
deployments:
  description:
    - For each deployment its model, its instances (name, role, ranks, ports, address of the API), its routers, and C(bootstrap), where
      decode asks each prefill instance and which ranks must have registered there.
  returned: success
  type: dict
  sample:
    llama:
      model: /models/llama
      served_model: /models/llama
      instances: [{"instance": "llama-0", "role": "server", "url": "http://10.0.0.1:30000"}]
      bootstrap: []
      routers: [{"name": "sglang-router-llama", "host": "node9", "url": "http://10.0.0.9:8000"}]
hosts:
  description:
    - For each host its address, its servers (C(units)), its C(routers), its reserved ports, and the rules of who must reach it.
    - C(unit_names) and C(router_names) are those of the whole plan, whatever O(only) leaves.
  returned: success
  type: dict
  sample:
    node1:
      address: 10.0.0.1
      units: []
      unit_names: []
      routers: []
      router_names: []
      reserved_ports: 20000-20006,30000
      reach: [{"sources": "clients", "ports": "30000", "protocol": "tcp", "why": "llama-0: the API"}]
sglang_version:
  description: The release that the plan is for.
  returned: success
  type: str
  sample: 0.5.23
ephemeral_ports:
  description: The range that the kernel hands ports out of.
  returned: success
  type: str
  sample: 32768-60999
dynamic_ports:
  description: Ranges in which SGLang and its libraries open ports that no option pins.
  returned: success
  type: dict
  sample: {"ephemeral": "32768-60999", "mooncake": "15000-17000"}
port_reasons:
  description: What each named port is for.
  returned: success
  type: dict
  sample: {"api": "--port: the API on rank 0, a health answer on the other ranks"}
models_root:
  description: The directory of the models' releases.
  returned: success
  type: str
  sample: /data/models
warnings:
  description: Sentences about what the plan could not check.
  returned: success
  type: list
  elements: str
  sample: []
"""
