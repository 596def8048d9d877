# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of multinode.sglang.peer_listen: takes what is not given from the plan."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible_collections.multinode.sglang.plugins.plugin_utils import _results as results
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import CollectionAction
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import peers

# All hosts gather facts between listening and connecting; with few forks, one after the other.
SECONDS, SECONDS_PER_HOST = 300.0, 3.0


class ActionModule(CollectionAction):
    """Listen on the ports that other hosts of the plan need."""

    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "host": {"type": "str"},
        "token": {"type": "str", "no_log": False},
        "address": {"type": "str"},
        "ports": {"type": "str"},
        "timeout": {"type": "float"},
    }

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Start or stop the listeners."""
        if options["state"] == "absent":
            return self.remote("peer_listen", {"state": "absent"}, variables)
        given = {key: value for key, value in options.items() if value is not None}
        planned, asked = ({}, []) if {"address", "ports"} <= set(given) else from_plan(variables)
        wanted = {**from_play(variables), **planned, **given}
        result = {"changed": False, "ports": [], "missed": {}}
        if wanted["ports"]:
            result = self.remote("peer_listen", wanted, variables)
        return {**result, "token": wanted["token"], "peers": asked}


def from_play(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that need no plan."""
    hosts = len(variables.get("ansible_play_hosts_all", ()))
    timeout = SECONDS + SECONDS_PER_HOST * hosts
    return {"host": variables["inventory_hostname"], "token": secrets.token_hex(8), "timeout": timeout}


def from_plan(variables: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Return the options that the plan gives, and the hosts that this host must reach."""
    plan, host = results.plan_of(variables), variables["inventory_hostname"]
    if host not in plan["hosts"]:
        raise AnsibleActionFail(f"{host} is not in the plan; set address and ports, or leave this host out")
    listen = {"address": plan["hosts"][host]["address"], "ports": peers.asked_ports(plan, host)}
    return listen, [{key: entry[key] for key in ("host", "address")} for entry in peers.asks(plan, host)]
