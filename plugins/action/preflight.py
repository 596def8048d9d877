# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of multinode.sglang.preflight; the module of that name holds its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import constants as C
from ansible_collections.multinode.sglang.plugins.plugin_utils import _results as results
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import ControllerAction, display
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import arguments, host, judge, same
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks.finding import Finding, plural
from ansible_collections.multinode.sglang.plugins.plugin_utils._report import preflight


class ActionModule(ControllerAction):
    """Report the findings of all hosts."""

    ARGUMENTS = arguments.PREFLIGHT

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Print tables and sentences, and return the findings."""
        hosts, different = judge_hosts(options, variables)
        tables, errors, warnings = preflight.render(hosts, different)
        display.display(tables)
        for text in warnings:
            display.warning(text)
        for text in errors:
            display.display(f"ERROR  {text}", color=C.COLOR_ERROR)
        bad = [one for one in hosts if one.errors]
        summary = f"{len(hosts) - len(bad)} of {len(hosts)} hosts are ok"
        display.display(summary, color=C.COLOR_ERROR if bad else C.COLOR_OK)
        failed = ", ".join(f"{one.name} ({one.errors} {plural(one.errors, 'error')})" for one in bad)
        return {
            "changed": False,
            "msg": f"{summary}; failed: {failed}" if bad else summary,
            "hosts": {one.name: not one.errors for one in hosts},
            "findings": [finding for one in hosts for finding in one.findings],
        }


def judge_hosts(
    given: Mapping[str, Any], variables: Mapping[str, Any]
) -> tuple[list[preflight.Host], list[same.Difference]]:
    """Return the hosts of the play that are in the plan with their findings, and what differs between them."""
    plan, present = results.plan_of(variables), set(variables["ansible_play_hosts_all"])
    known = {name: variables["hostvars"][name] for name in plan["hosts"] if name in present}
    facts = {name: results.facts_of(one) for name, one in known.items()}
    nodes = {name: node for name, node in facts.items() if node is not None}
    connections = {name: results.connections_of(one) for name, one in known.items()}
    seen = {name: result for name, result in connections.items() if result is not None}
    different, differing = judge.compare(plan, nodes, given["same"])
    between = judge.check_peers(plan, nodes, seen, given["clock_seconds"])
    settings = judge.Settings(host=arguments.host_wanted(given))
    hosts = []
    for name, one in known.items():
        own = [*_own(name, one, facts[name], plan, settings), *differing.get(name, []), *between.get(name, [])]
        found = [*(finding.as_dict(name) for finding in dict.fromkeys(own)), *results.checks_of(one)]
        hosts.append(preflight.Host(name, facts[name], connections[name], found, plan["hosts"][name]))
    return hosts, different


def _own(
    name: str,
    variables: Mapping[str, Any],
    node: dict[str, Any] | None,
    plan: Mapping[str, Any],
    settings: judge.Settings,
) -> list[Finding]:
    if node is None:
        return [host.no_answer(name, results.last_words(variables))]
    ours = (results.listeners_of(variables) or {}).get("pid")
    return judge.check_host(node, plan["hosts"][name], plan["ephemeral_ports"], settings, ours)[1]
