# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The head that all action plugins of this collection have in common. PRIVATE to the collection."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

display = Display()
# How often, in seconds, an action that waits prints how far it is.
PROGRESS_SECONDS = 15.0
# What a job in the background adds to the result of its module.
JOB_KEYS = (
    "ansible_job_id", "results_file", "started", "finished", "stdout", "stderr", "stdout_lines", "stderr_lines",
)  # fmt: skip


class CollectionAction(ActionBase):
    """Validate the options, then act. ARGUMENTS and RULES are those of an AnsibleModule."""

    TRANSFERS_FILES = False
    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    ARGUMENTS: ClassVar[Mapping[str, Any]] = {}
    RULES: ClassVar[Mapping[str, Any]] = {}

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of act beside the usual keys."""
        del tmp
        variables = task_vars or {}
        result: dict[str, Any] = super().run(None, variables)
        _spec, options = self.validate_argument_spec(argument_spec=dict(self.ARGUMENTS), **self.RULES)
        return {**result, **self.act(options, variables)}

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Return what the plugin found or did."""
        raise NotImplementedError

    def remote(self, module: str, options: Mapping[str, Any], variables: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Return the result of a module of this collection, or of a builtin with its full name, on the host."""
        name = module if "." in module else f"multinode.sglang.{module}"
        result: dict[str, Any] = self._execute_module(
            module_name=name, module_args=dict(options), task_vars=variables, **more
        )
        return result

    def in_background(
        self,
        module: str,
        options: Mapping[str, Any],
        variables: dict[str, Any],
        longest: int,
        poll: float,
        progress: Callable[[float], str],
    ) -> dict[str, Any]:
        """Return the result of a module that may take longer than a connection lasts: it runs as a job on the host.

        longest, poll: seconds. progress: the line to print after so many seconds.
        """
        begin = shown = time.monotonic()
        self._task.async_val = longest
        try:
            job = self.remote(module, options, variables, wrap_async=True)
        finally:
            self._task.async_val = 0
        if job.get("failed"):
            return job
        status = {"jid": job["ansible_job_id"], "_async_dir": job["results_file"].rpartition("/")[0]}
        while True:
            time.sleep(poll)
            result = self.remote("ansible.legacy.async_status", {**status, "mode": "status"}, variables)
            if result.get("finished") or result.get("failed"):
                break
            now = time.monotonic()
            if now - shown >= PROGRESS_SECONDS:
                shown = now
                display.display(progress(now - begin))
        self.remote("ansible.legacy.async_status", {**status, "mode": "cleanup"}, variables)
        return {name: value for name, value in result.items() if name not in JOB_KEYS}


class ControllerAction(CollectionAction):
    """An action that needs no connection to any host."""

    _requires_connection = False
