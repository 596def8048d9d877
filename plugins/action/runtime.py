# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check first, in one remote call; install in the background of the host, and print how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import duration
from ansible_collections.multinode.sglang.plugins.module_utils._runtime import arguments
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import CollectionAction

POLL_SECONDS = 5
LONGEST_INSTALL = 6 * 3600


class ActionModule(CollectionAction):
    """Action plugin of M(multinode.sglang.runtime)."""

    ARGUMENTS: ClassVar[Mapping[str, Any]] = arguments.ARGUMENTS
    RULES: ClassVar[Mapping[str, Any]] = arguments.RULES

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Return what the module found or did; a refusal names the host."""
        options["commands"] = [one for one in options["commands"] if _asks(one["hosts"], variables)]
        result = self._bring(options, variables)
        if result.get("failed") and result.get("msg"):
            result["msg"] = f"{variables.get('inventory_hostname')}  {result['msg']}"
        return result

    def _bring(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Run the module, in the background if there is something to install."""
        wanted_check = self._task.check_mode
        self._task.check_mode = True
        try:
            found = self.remote("runtime", options, variables)
        finally:
            self._task.check_mode = wanted_check
        if wanted_check or found.get("failed") or not found.get("changed"):
            return found

        def progress(seconds: float) -> str:
            last, host = self._last_line(options, variables), variables.get("inventory_hostname")
            return f"{host}: installing {options['distribution']}, {duration(seconds)}, {last}"

        return self.in_background("runtime", options, variables, LONGEST_INSTALL, POLL_SECONDS, progress)

    def _last_line(self, options: dict[str, Any], variables: dict[str, Any]) -> str:
        logs = [f"{options['root']}/.{version}.log" for version in options["versions"]]
        words = ["/bin/sh", "-c", 'tail -n 1 "$(ls -t "$@" 2>/dev/null | head -n 1)"', "sh", *logs]
        tail = self.remote("ansible.legacy.command", {"argv": words}, variables)
        return str(tail.get("stdout", "")).strip()[:160]


def _asks(hosts: list[str], variables: Mapping[str, Any]) -> bool:
    """Tell whether this host is the one of the play that asks: the answer is the same on all of them."""
    there = [host for host in hosts if host in variables.get("ansible_play_hosts", ())]
    return not hosts or there[:1] == [variables.get("inventory_hostname")]
