# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check first, in one remote call; install in the background of the host, and print how far it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.multinode.sglang.plugins.module_utils._runtime import arguments
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import CollectionAction, display

POLL_SECONDS = 5
PROGRESS_SECONDS = 15
LONGEST_INSTALL = 6 * 3600
# What a background job adds to the result of the module.
JOB_KEYS = (
    "ansible_job_id", "results_file", "started", "finished", "stdout", "stderr", "stdout_lines", "stderr_lines",
)  # fmt: skip


class ActionModule(CollectionAction):
    """Action plugin of M(multinode.sglang.runtime)."""

    ARGUMENTS: ClassVar[Mapping[str, Any]] = arguments.ARGUMENTS
    RULES: ClassVar[Mapping[str, Any]] = arguments.RULES

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Run the module, in the background if there is something to install."""
        wanted_check = self._task.check_mode
        self._task.check_mode = True
        try:
            found = self.remote("runtime", options, variables)
        finally:
            self._task.check_mode = wanted_check
        if wanted_check or found.get("failed") or not found.get("changed"):
            return found
        self._task.async_val = LONGEST_INSTALL
        try:
            job = self.remote("runtime", options, variables, wrap_async=True)
        finally:
            self._task.async_val = 0
        return job if job.get("failed") else self._follow(job, options, variables)

    def _follow(self, job: dict[str, Any], options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        begin = shown = time.monotonic()
        status = {"jid": job["ansible_job_id"], "_async_dir": job["results_file"].rpartition("/")[0]}
        while True:
            time.sleep(POLL_SECONDS)
            result = self.remote("ansible.legacy.async_status", {**status, "mode": "status"}, variables)
            if result.get("finished") or result.get("failed"):
                break
            if time.monotonic() - shown >= PROGRESS_SECONDS:
                shown = time.monotonic()
                last = self._last_line(options, variables)
                host = variables.get("inventory_hostname")
                display.display(f"{host}: installing {options['distribution']}, {shown - begin:.0f} s, {last}")
        self.remote("ansible.legacy.async_status", {**status, "mode": "cleanup"}, variables)
        return {name: value for name, value in result.items() if name not in JOB_KEYS}

    def _last_line(self, options: dict[str, Any], variables: dict[str, Any]) -> str:
        log = f"{options['root']}/.{options['version']}.log"
        tail = self.remote("ansible.legacy.command", {"argv": ["tail", "-n", "1", log]}, variables)
        return str(tail.get("stdout", "")).strip()[:160]
