# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put what all hosts returned about their units in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few
from ansible_collections.multinode.sglang.plugins.plugin_utils import _results as results
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import ControllerAction, display
from ansible_collections.multinode.sglang.plugins.plugin_utils._report.status import (
    last_deploy,
    render,
    rows_of_host,
    stray_rows,
)


class ActionModule(ControllerAction):
    """Action plugin of M(multinode.sglang.status)."""

    ARGUMENTS: ClassVar[Mapping[str, Any]] = {
        "register": {"type": "str", "required": True},
    }

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Print the table, and return whether all units are ready and what the plan says."""
        hosts, register = variables["hostvars"], options["register"]
        present = set(variables["ansible_play_hosts_all"])
        planned = {name: one for name, one in results.plan_of(variables)["hosts"].items() if name in present}
        found = {name: hosts[name].get(register) or {} for name in planned}
        rows = [row for name, one in planned.items() for row in rows_of_host(one, found[name])]
        found |= {name: hosts[name].get(register) or {} for name in results.left_hosts(hosts, register)}
        rows += [row for name, one in found.items() for row in stray_rows(name, one)]
        display.display(render(rows))
        display.display(last_deploy({name: one.get("stamp") for name, one in found.items() if name in planned}))
        bad = [row.title for row in rows if not row.ready]
        text = f"{len(bad)} of {len(rows)} servers and routers are not ready as planned: {first_few(bad)}"
        return {
            "changed": False,
            "units": [row.as_dict() for row in rows],
            "ready": not bad,
            "msg": text if bad else f"{len(rows)} servers and routers are ready as planned",
        }
