# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of multinode.sglang.peer_info: takes the peers from the plan and from what they registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.multinode.sglang.plugins.plugin_utils import _results as results
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import CollectionAction
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import peers

NOTHING = {"changed": False, "reached": 0, "failures": [], "clocks": {}, "packets_lost": {}}


class ActionModule(CollectionAction):
    """Connect to the hosts of the plan that this host must reach."""

    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "peers": {"type": "list", "elements": "dict"},
        "size": {"type": "int"},
        "timeout": {"type": "float", "default": 5},
    }

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Return what the module found, without a remote call where there is no peer."""
        chosen = options["peers"]
        if chosen is None:
            chosen = addressed(variables) if options["size"] else listening(variables)
        if not chosen:
            return dict(NOTHING)
        given = {key: value for key, value in options.items() if value is not None}
        return self.remote("peer_info", {**given, "peers": chosen}, variables)


def addressed(variables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the peers of this host without ports, for packets only."""
    asked = peers.asks(results.plan_of(variables), variables["inventory_hostname"])
    return [{"host": entry["host"], "address": entry["address"]} for entry in asked]


def listening(variables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the peers of this host that listen, with the ports that answer."""
    asked = peers.asks(results.plan_of(variables), variables["inventory_hostname"])
    known = {}
    for entry in asked:
        peer = variables["hostvars"].get(entry["host"], {})
        found = results.listeners_of(peer)
        if found is not None:
            known[entry["host"]] = {"listening": found, "node": results.facts_of(peer) or {}}
    return peers.targets(asked, known, peers.mtu_of(results.facts_of(variables) or {}))
