# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of multinode.sglang.host_check; the module of that name holds its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible_collections.multinode.sglang.plugins.plugin_utils import _results as results
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import ControllerAction
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import arguments, judge


class ActionModule(ControllerAction):
    """Check the facts of a host."""

    ARGUMENTS = arguments.HOST_CHECK
    RULES: ClassVar[dict[str, Any]] = {"required_one_of": [tuple(arguments.HOST_CHECK)]}

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Return the findings."""
        try:
            checked, findings = check(options, variables)
        except ValueError as error:
            raise AnsibleActionFail(f"nccl.denylist: {error}") from error
        return {"changed": False, "checked": checked, "findings": findings}


def check(given: Mapping[str, Any], variables: Mapping[str, Any]) -> tuple[list[str], list[dict[str, str]]]:
    """Return which checks were made, and what they found."""
    plan, name = results.plan_of(variables), variables["inventory_hostname"]
    settings = arguments.settings(given)
    checked: list[str] = []
    findings: list[dict[str, str]] = []
    if settings != judge.Settings() and name in plan["hosts"]:
        node = results.facts_of(variables)
        if node is None:
            raise AnsibleActionFail(f"{results.FACTS}: apply the role multinode.sglang.node_facts to {name} first")
        checked, found = judge.check_host(node, plan["hosts"][name], plan["ephemeral_ports"], settings)
        findings = [finding.as_dict(name) for finding in found]
    if given["same"]:
        checked, findings = [*checked, "same"], [*findings, *_compare(plan, given["same"], variables)]
    return checked, findings


def _compare(plan: Mapping[str, Any], kinds: list[str], variables: Mapping[str, Any]) -> list[dict[str, str]]:
    known = {name: variables["hostvars"][name] for name in variables["ansible_play_hosts"] if name in plan["hosts"]}
    nodes = {name: results.facts_of(one) or results.with_runtime({}, one) for name, one in known.items()}
    _different, by_host = judge.compare(plan, nodes, kinds)
    return [finding.as_dict(name) for name, found in by_host.items() for finding in found]
