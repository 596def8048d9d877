# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the roles have registered on each host, by the names that their pages document.

Actions read these variables themselves: as an option, Ansible would copy the whole plan for each host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail

PLAN, FACTS, RUNTIME = "sglang_plan_result", "node_facts_result", "sglang_runtime_result"
LISTENERS, CONNECTIONS = "preflight_listeners", "preflight_connections"
CHECKS = ("nvidia_driver_check", "nccl_check", "rdma_check")
Variables = Mapping[str, Any]


def plan_of(variables: Variables) -> Mapping[str, Any]:
    """Return the plan."""
    plan = variables.get(PLAN)
    if not plan or "hosts" not in plan:
        raise AnsibleActionFail(f"{PLAN}: there is no plan; apply the role multinode.sglang.sglang_plan first")
    return dict(plan)


def facts_of(variables: Variables) -> dict[str, Any] | None:
    """Return the facts of a host, None if there are none."""
    node = (variables.get(FACTS) or {}).get("node")
    return None if node is None else with_runtime(node, variables)


def with_runtime(node: Mapping[str, Any], variables: Variables) -> dict[str, Any]:
    """Return facts with the runtimes as the role sglang_runtime left them, which are newer and name all packages."""
    result = variables.get(RUNTIME) or {}
    if "releases" not in result:
        return dict(node)
    runtimes = [
        {
            "path": one["interpreter"].rpartition("/bin/")[0],
            "sglang": one["packages"].get("sglang"),
            "digest": one["digest"],
            "packages": one["packages"],
        }
        for one in result["releases"]
        if one["digest"]
    ]
    return {**node, "runtimes": runtimes}


def listeners_of(variables: Variables) -> Mapping[str, Any] | None:
    """Return the result of peer_listen on a host, None where nothing listens."""
    result = variables.get(LISTENERS) or {}
    return result if "pid" in result else None


def last_words(variables: Variables) -> str:
    """Return what Ansible said when a host stopped answering; empty if it said nothing."""
    for name in (LISTENERS, FACTS, CONNECTIONS):
        result = variables.get(name) or {}
        if result.get("unreachable") or result.get("failed"):
            return str(result.get("msg", ""))
    return ""


def connections_of(variables: Variables) -> Mapping[str, Any] | None:
    """Return the result of peer_info on a host, None where it connected to nobody."""
    result = variables.get(CONNECTIONS) or {}
    return result if "reached" in result else None


def checks_of(variables: Variables) -> list[dict[str, Any]]:
    """Return what the roles nvidia_driver, nccl and rdma found on a host."""
    return [dict(finding) for name in CHECKS for finding in (variables.get(name) or {}).get("findings", [])]


def left_hosts(hosts: Variables, register: str) -> list[str]:
    """Return the hosts of the inventory that were in the plan of an earlier deploy and are in none now.

    hosts: the variables of all hosts. register: where those of the plan have the result of unit_info.
    """
    plan: Variables = next((hosts[name][PLAN]["hosts"] for name in hosts if hosts[name].get(PLAN)), {})
    noted = [((hosts[name].get(register) or {}).get("stamp") or {}).get("left", ()) for name in plan if name in hosts]
    return [
        name for name in dict.fromkeys(one for names in noted for one in names) if name in hosts and name not in plan
    ]
