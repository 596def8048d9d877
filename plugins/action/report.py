# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print what counts of a run where the callback that does it better is not enabled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import constants as C
from ansible_collections.multinode.sglang.plugins.plugin_utils import _results as results
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import ControllerAction, display
from ansible_collections.multinode.sglang.plugins.plugin_utils._report.summary import CALLBACK, Run, deployed, verdict


class ActionModule(ControllerAction):
    """Action plugin of M(multinode.sglang.report)."""

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Print it."""
        del options
        lines = self._verdict(variables) if self._task.check_mode else _deployed(variables)
        if CALLBACK not in (C.CALLBACKS_ENABLED or ()):
            display.display("\n".join(lines), color=C.COLOR_OK)
        return {"changed": False, "lines": lines}

    def _verdict(self, variables: Mapping[str, Any]) -> list[str]:
        found = [variables["hostvars"][name].get("preflight_result") for name in variables["ansible_play_hosts_all"]]
        nothing: dict[str, Any] = {"findings": (), "hosts": {}}
        checked = next((one for one in found if one and "findings" in one), nothing)
        return verdict(Run(check=True, findings=checked["findings"], verdicts=checked["hosts"]))


def _deployed(variables: Mapping[str, Any]) -> list[str]:
    """Return the lines of a deploy that has verified the hosts of this play."""
    plan, present = results.plan_of(variables), set(variables["ansible_play_hosts_all"])
    hosts = {name: one for name, one in plan["hosts"].items() if name in present}
    ready = {(name, unit["name"]): 0.0 for name, one in hosts.items() for unit in [*one["units"], *one["routers"]]}
    own = variables.get("sglang_api_keys") or {}
    keys = {name for name in plan["deployments"] if name in own or variables.get("sglang_api_key")}
    return ["DEPLOYED", *deployed(Run(plan=plan, ready=ready, with_keys=keys))]
