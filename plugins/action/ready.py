# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits in slices of remote calls until servers or routers answer; the hosts of an instance tell each other through files."""

from __future__ import annotations

import pathlib
import time
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.multinode.sglang.plugins.plugin_utils._progress import waiting

display = Display()


class ActionModule(ActionBase):
    """Action plugin of M(multinode.sglang.ready)."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Wait for all units, or all routers, of this host."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        options = self.validate_argument_spec(
            argument_spec={
                "units": {"type": "list", "elements": "dict"},
                "routers": {"type": "list", "elements": "dict"},
                "started": {"type": "list", "elements": "str", "default": []},
                "timeout": {"type": "float", "default": 1800},
                "slice": {"type": "float", "default": 5},
                "probe_timeout": {"type": "float", "default": 60},
                "lines": {"type": "int", "default": 20},
                "config_dir": {"type": "path", "default": "/etc/sglang"},
            },
            mutually_exclusive=[("units", "routers")],
            required_one_of=[("units", "routers")],
        )[1]
        units = options["units"] or waiting.units_of_routers(options["routers"] or [])
        if self._task.check_mode or not units:
            return {"changed": False, "units": {}, "seconds": 0.0}
        host = str(variables.get("inventory_hostname", ""))
        board = waiting.Board(pathlib.Path(C.DEFAULT_LOCAL_TMP), str(self._task._uuid))
        wait = waiting.Wait(
            host=host,
            units=units,
            started=options["started"],
            timeout=options["timeout"],
            board=board,
            chatty=len(variables.get("ansible_play_hosts", [])) <= waiting.CHATTY_HOSTS,
        )
        return self._watch(wait, options, variables)

    def _watch(self, wait: waiting.Wait, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        begin = time.monotonic()
        module, option = ("router_state", "routers") if options["routers"] else ("instance_state", "units")
        while True:
            result = self._execute_module(
                module_name=f"multinode.sglang.{module}",
                module_args={
                    option: wait.unit_args(),
                    "restarts": wait.restarts,
                    "wait": wait.slice_seconds(options["slice"]),
                    "probe_timeout": options["probe_timeout"],
                    "lines": options["lines"],
                    "config_dir": options["config_dir"],
                },
                task_vars=task_vars,
            )
            if result.get("failed"):
                return result
            for line in wait.take(result["units"], time.monotonic() - begin):
                display.display(line)
            wait.linger(lambda: time.monotonic() - begin)
            verdict = wait.verdict(time.monotonic() - begin)
            if verdict is not None:
                outcome = {"changed": False, "units": wait.outcome(), "seconds": round(time.monotonic() - begin, 1)}
                return (
                    {**outcome, "failed": True, "msg": verdict} if verdict else {**outcome, "warnings": wait.warnings()}
                )
