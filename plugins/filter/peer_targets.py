# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: peer_targets
short_description: Lists the ports of its peers that a host tries
version_added: "1.0.0"
description:
  - Of the ports that a host must reach takes those that somebody answers on now.
positional: _input, hostvars
options:
  _input:
    description: What P(multinode.sglang.peer_asks#filter) gave for this host.
    type: list
    elements: dict
    required: true
  hostvars:
    description:
      - Variables of all hosts. Of each peer is needed what M(multinode.sglang.peer_listen) returned in C(__preflight_listening), and what
        M(multinode.sglang.node_info) returned in C(node_facts_result).
    type: dict
    required: true
  mtu:
    description: The MTU of the host that connects. Packets of this size, or of the peer's MTU if that is smaller, must get through.
    type: int
    default: 0
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Reach the peers
  multinode.sglang.peer_check:
    token: "{{ run.token }}"
    peers: "{{ run.asks[inventory_hostname] | default([]) | multinode.sglang.peer_targets(hostvars, mtu=1500) }}"
"""

RETURN = r"""
_value:
  description: Peers, as M(multinode.sglang.peer_check) takes them; hosts that do not listen are left out.
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import peers


def heard(hostvars: Mapping[str, Any], host: str) -> dict[str, Any] | None:
    """Return what a host answers on and what it is like, None where it does not listen."""
    said = hostvars.get(host, {})
    listening = said.get("__preflight_listening") or {}
    if "ports" not in listening:
        return None
    return {"ports": listening["ports"], "node": (said.get("node_facts_result") or {}).get("node") or {}}


def peer_targets(asked: list[dict[str, Any]], hostvars: Mapping[str, Any], mtu: int = 0) -> list[dict[str, Any]]:
    """Return what a host tries."""
    found = {entry["host"]: heard(hostvars, entry["host"]) for entry in asked}
    return peers.targets(asked, {host: peer for host, peer in found.items() if peer is not None}, mtu)


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"peer_targets": peer_targets}
