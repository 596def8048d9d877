# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: peer_ports
short_description: Tells which ports of a host other hosts of the plan need
version_added: "1.0.0"
description:
  - Joins the ports of all rules of the plan that let other hosts of the plan in, ephemeral ports included.
positional: _input
options:
  _input:
    description: The host's entry in RV(multinode.sglang.plan#module:hosts).
    type: dict
    required: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ sglang_plan_result.hosts[inventory_hostname] | multinode.sglang.peer_ports }}"
"""

RETURN = r"""
_value:
  description: Ports and ranges, such as V(20000-20006,32768-60999); empty where nobody needs any.
  type: str
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import peers


def peer_ports(planned: Mapping[str, Any]) -> str:
    """Return the ports."""
    return peers.asked_ports(planned)


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"peer_ports": peer_ports}
