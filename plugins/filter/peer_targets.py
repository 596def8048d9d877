# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: peer_targets
short_description: Lists what a host must reach on the other hosts of its deployments
version_added: "1.0.0"
description:
  - Takes the rules of the plan in which this host is a source, and of their ports those that somebody answers on now.
positional: _input, host, hostvars
options:
  _input:
    description: The plan, as RV(multinode.sglang.plan#module:deployments) and its other values.
    type: dict
    required: true
  host:
    description: The host that connects.
    type: str
    required: true
  hostvars:
    description:
      - Variables of all hosts. Of each is needed what M(multinode.sglang.peer_listen) returned in C(__preflight_listening), and what
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
    token: "{{ run_token }}"
    peers: "{{ sglang_plan_result | multinode.sglang.peer_targets(inventory_hostname, hostvars) }}"
"""

RETURN = r"""
_value:
  description: Peers, as M(multinode.sglang.peer_check) takes them.
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._host_checks import peers


class Heard(Mapping[str, Any]):
    """What the hosts answer on; only those that are asked for are looked up, since a fleet is large and an instance is small."""

    def __init__(self, plan: Mapping[str, Any], hostvars: Mapping[str, Any]) -> None:
        """Keep both."""
        self._plan, self._hostvars = plan, hostvars

    def __contains__(self, host: object) -> bool:
        """Tell whether a host listens."""
        return host in self._hostvars and "ports" in (self._hostvars[str(host)].get("__preflight_listening") or {})

    def __getitem__(self, host: Any) -> dict[str, Any]:
        """Return the ports of a host."""
        said = self._hostvars[host]
        node = (said.get("node_facts_result") or {}).get("node") or {}
        return {
            "ports": said["__preflight_listening"]["ports"],
            "serving": peers.serving(self._plan["hosts"][host], node),
            "mtu": peers.mtu_of(node),
        }

    def __iter__(self) -> Any:
        """Iterate over the hosts that listen."""
        return (host for host in self._plan["hosts"] if host in self)

    def __len__(self) -> int:
        """Count them."""
        return sum(1 for _host in self)


def peer_targets(plan: Mapping[str, Any], host: str, hostvars: Mapping[str, Any], mtu: int = 0) -> list[dict[str, Any]]:
    """Return what a host must reach."""
    return peers.targets(plan, host, Heard(plan, hostvars), mtu)


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"peer_targets": peer_targets}
