# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait in slices of remote calls until servers or routers answer. The hosts of an instance share what they see."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible import constants as C
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import each
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import RouterUnit, ServerUnit
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import CollectionAction, display
from ansible_collections.multinode.sglang.plugins.plugin_utils._progress.board import Board
from ansible_collections.multinode.sglang.plugins.plugin_utils._progress.waiting import CHATTY_HOSTS, Unit, Wait

NOTHING = {"changed": False, "units": {}, "bootstrap": {}}


class ActionModule(CollectionAction):
    """Action plugin of M(multinode.sglang.ready)."""

    ARGUMENTS: ClassVar[Mapping[str, Any]] = {
        "servers": {"type": "list", "elements": "dict"},
        "routers": {"type": "list", "elements": "dict"},
        "bootstrap": {"type": "list", "elements": "dict"},
        "started": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "float", "default": 1800},
        "slice": {"type": "float", "default": 5},
        "probe_timeout": {"type": "float", "default": 60},
        "lines": {"type": "int", "default": 20},
    }
    RULES: ClassVar[Mapping[str, Any]] = {
        "mutually_exclusive": [("servers", "routers", "bootstrap")],
        "required_one_of": [("servers", "routers", "bootstrap")],
    }

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Wait for all units, or all routers, of this host, or for bootstrap servers elsewhere."""
        begin = time.monotonic()
        if self._task.check_mode:
            result = NOTHING
        elif options["bootstrap"]:
            result = self._bootstrap(options, variables)
        else:
            result = self._units(options, variables)
        return result if "unreachable" in result else {**result, "seconds": round(time.monotonic() - begin, 1)}

    def _bootstrap(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        question = {"bootstrap": options["bootstrap"], "wait": options["timeout"]}
        result = self.remote("unit_info", question, variables)
        if result.get("failed"):
            return result
        troubles = [one["trouble"] for one in result["bootstrap"].values() if one["trouble"]]
        outcome = {**NOTHING, "bootstrap": result["bootstrap"]}
        return {**outcome, "failed": True, "msg": "\n".join(troubles)} if troubles else outcome

    def _units(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        servers = each(ServerUnit, options["servers"] or [], "servers")
        units: tuple[Unit, ...] = (*servers, *each(RouterUnit, options["routers"] or [], "routers"))
        if not units:
            return NOTHING
        wait = Wait(
            host=str(variables.get("inventory_hostname", "")),
            units=units,
            started=options["started"],
            timeout=options["timeout"],
            board=Board(pathlib.Path(C.DEFAULT_LOCAL_TMP), str(self._task._uuid)),
            chatty=len(variables.get("ansible_play_hosts", [])) <= CHATTY_HOSTS,
        )
        return self._watch(wait, options, variables)

    def _watch(self, wait: Wait, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        begin = time.monotonic()
        kind = "routers" if options["routers"] else "servers"
        while True:
            question = {
                kind: wait.to_ask(),
                "restarts": wait.restarts,
                "wait": wait.slice_seconds(options["slice"]),
                "probe_timeout": options["probe_timeout"],
                "lines": options["lines"],
            }
            result = self.remote("unit_info", question, variables)
            if result.get("failed"):
                return result
            for line in wait.take(result["units"], time.monotonic() - begin):
                display.display(line)
            wait.linger(lambda: time.monotonic() - begin)
            verdict = wait.verdict(time.monotonic() - begin)
            if verdict is not None:
                outcome = {**NOTHING, "units": wait.outcome()}
                end = {"failed": True, "msg": verdict} if verdict else {"warnings": wait.warnings()}
                return {**outcome, **end}
