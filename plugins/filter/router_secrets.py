# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: router_secrets
short_description: The secrets of routers, by deployment and option
version_added: "1.0.0"
description:
  - Joins the API keys, which servers and routers have in common, with further secret options of the routers.
positional: _input, api_key, api_keys, options
options:
  _input:
    description: The names of the deployments.
    type: list
    elements: str
    required: true
  api_key:
    description: The API key of every deployment that is not in O(api_keys), empty for none.
    type: str
    required: true
  api_keys:
    description: Deployment to a mapping with C(api_key); its other keys are for servers only.
    type: dict
    required: true
  options:
    description: Deployment to a mapping of an option to its value or a list of values.
    type: dict
    required: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Show which secrets there are
  ansible.builtin.debug:
    msg: "{{ ['llama'] | multinode.sglang.router_secrets('', {'llama': {'api_key': 'k'}}, {'llama': {'redis-url': 'redis://h'}}) }}"
"""

RETURN = r"""
_value:
  description: Deployment to a mapping of an option to its value, as O(multinode.sglang.router_units#module:secrets) takes it.
  type: dict
"""

from collections.abc import Mapping
from typing import Any


def router_secrets(
    names: list[str], api_key: str, api_keys: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return deployment -> option -> value, without options that have none."""
    found: dict[str, Any] = {}
    for name in names:
        keys = api_keys.get(name) or {} if name in api_keys else {"api_key": api_key}
        secrets = {"api-key": keys.get("api_key"), **(options.get(name) or {})}
        found[name] = {option: value for option, value in secrets.items() if value}
    return found


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"router_secrets": router_secrets}
