# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: peer_asks
short_description: Tells of all hosts of the plan whom each must reach
version_added: "1.0.0"
description:
  - Turns the rules of the plan, which say for each host whom it lets in, into what each host must reach.
positional: _input
options:
  _input:
    description: The plan, as RV(multinode.sglang.plan#module:hosts) and its other values.
    type: dict
    required: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Show whom a host must reach
  ansible.builtin.debug:
    msg: "{{ (sglang_plan_result | multinode.sglang.peer_asks)[inventory_hostname] }}"
"""

RETURN = r"""
_value:
  description:
    - Host to a list of those that it must reach, each with C(host), C(address), C(ports), and C(services), the units that may listen
      there already. A host that must reach nobody is left out.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import peers


def peer_asks(plan: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return whom each host must reach."""
    return peers.asks(plan)


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"peer_asks": peer_asks}
