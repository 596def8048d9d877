# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks first, in one remote call; installs in the background of the host and prints how far it is."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

display = Display()

POLL_SECONDS = 5
PROGRESS_SECONDS = 15
LONGEST_INSTALL = 6 * 3600


class ActionModule(ActionBase):
    """Action plugin of M(multinode.sglang.runtime)."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, in the background if there is something to install."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        wanted_check = self._task.check_mode
        self._task.check_mode = True
        try:
            look = self._module("multinode.sglang.runtime", dict(self._task.args), variables)
        finally:
            self._task.check_mode = wanted_check
        if wanted_check or look.get("failed") or not look.get("changed"):
            return look
        self._task.async_val = LONGEST_INSTALL
        try:
            job = self._module("multinode.sglang.runtime", dict(self._task.args), variables, wrap_async=True)
        finally:
            self._task.async_val = 0
        if job.get("failed"):
            return job
        return self._follow(job, variables)

    def _module(
        self, name: str, args: dict[str, Any], variables: dict[str, Any], wrap_async: bool = False
    ) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(
            module_name=name, module_args=args, task_vars=variables, wrap_async=wrap_async
        )
        return result

    def _follow(self, job: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        begin = shown = time.monotonic()
        status = {"jid": job["ansible_job_id"], "_async_dir": job["results_file"].rpartition("/")[0]}
        while True:
            time.sleep(POLL_SECONDS)
            result = self._module("ansible.legacy.async_status", {**status, "mode": "status"}, variables)
            if result.get("finished") or result.get("failed"):
                break
            if time.monotonic() - shown >= PROGRESS_SECONDS:
                shown = time.monotonic()
                last = self._last_line(variables)
                what = self._task.args.get("distribution", "sglang")
                display.display(
                    f"{variables.get('inventory_hostname')}: installing {what}, {shown - begin:.0f} s, {last}"
                )
        self._module("ansible.legacy.async_status", {**status, "mode": "cleanup"}, variables)
        for name in (
            "ansible_job_id",
            "results_file",
            "started",
            "finished",
            "stdout",
            "stderr",
            "stdout_lines",
            "stderr_lines",
        ):
            result.pop(name, None)
        return result

    def _last_line(self, variables: dict[str, Any]) -> str:
        log = f"{self._task.args.get('root', '/opt/sglang')}/.{self._task.args['version']}.log"
        tail = self._module("ansible.legacy.command", {"argv": ["tail", "-n", "1", log]}, variables)
        return str(tail.get("stdout", "")).strip()[:160]
