# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_models
short_description: What a host needs of the models in sglang_models
version_added: "1.0.0"
description:
  - Checks C(sglang_models), and refuses in one sentence what cannot work.
  - A host needs a model that a unit of the plan on it serves, or that names the host or one of its groups in C(hosts).
positional: _input
options:
  _input:
    description: The variable C(sglang_models).
    type: dict
    required: true
  host:
    description: The host.
    type: str
    required: true
  plan:
    description: The result of M(multinode.sglang.plan).
    type: dict
    required: true
  groups:
    description: The groups of the inventory, C(groups).
    type: dict
    required: true
  root:
    description: The directory with one directory for each model.
    type: str
    required: true
  port:
    description: The port of the first model, by name; each further model has the next.
    type: int
    required: true
  address:
    description: The address of the host that other hosts of the run reach.
    type: str
    required: true
  release:
    description: The release to go to, V(previous) or a digest; empty is what the source has.
    type: str
    default: ""
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Show what this host needs
  ansible.builtin.debug:
    msg: >-
      {{ sglang_models | multinode.sglang.host_models(host=inventory_hostname, plan=sglang_plan_result, groups=groups,
         root='/data/models', port=21500, address='10.0.0.11') }}
"""

RETURN = r"""
_value:
  description: The C(releases) for M(multinode.sglang.release), and the C(mounts) that their sources need.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import models


def host_models(
    raw: Any, *, host: str, plan: Mapping[str, Any], groups: Mapping[str, Any], **setting: Any
) -> dict[str, Any]:
    """Return what a host needs."""
    where = models.Setting(
        str(setting["root"]).rstrip("/"), int(setting["port"]), setting.get("release", ""), setting["address"]
    )
    try:
        parsed = models.parse_models(raw)
        if parsed and plan["models_root"] != where.root:
            raise models.ModelError(
                f"model_weights_root: {host} has {where.root} and the plan {plan['models_root']}; "
                "give all hosts the same, in group_vars/all"
            )
        wanted = models.served_on(host, parsed, plan, groups, where.root)
        releases = models.releases(parsed, wanted, where)
        models.refuse_taken_ports(releases, host, plan)
    except models.ModelError as error:
        raise AnsibleFilterError(str(error)) from error
    return {"releases": releases, "mounts": models.mounts(wanted)}


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"host_models": host_models}
