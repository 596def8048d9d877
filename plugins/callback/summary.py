# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: summary
type: notification
short_description: End the output with what answers where, or with why a run failed and what to do next
version_added: 1.0.0
description:
  - After a run it prints, below the recap, each deployment with its URL, model, instances and a request to paste, and
    the time of each phase. After a failure it prints one reason for each host and the next command. With C(--check) it
    prints whether the run would be refused, and what it would change.
  - It prints nothing after playbooks that use nothing of this collection.
  - It prints no extra variables and no keys.
requirements:
  - Enable it with C(callbacks_enabled = multinode.sglang.summary) in C(ansible.cfg), or in the environment with
    C(ANSIBLE_CALLBACKS_ENABLED=multinode.sglang.summary).
author:
  - The multinode.sglang authors (@multinode)
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible_collections.multinode.sglang.plugins.plugin_utils._report.summary import (
    CALLBACK,
    PLAN,
    PREFLIGHT,
    READY,
    STATUS,
    Command,
    Reason,
    Run,
    render,
)

COLLECTION = "multinode.sglang."
SERVICE = "multinode.sglang.unit_service"
UNITS = "multinode.sglang.units"
PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


class CallbackModule(CallbackBase):
    """Watch a run and print its last lines."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = CALLBACK
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        """Begin with nothing seen."""
        super().__init__()
        self._run = Run()
        self._ours = False
        self._begin = self._play_begin = time.monotonic()
        self._play = ""

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Note what was called."""
        given = context.CLIARGS
        self._run.command = Command(
            tuple(given.get("args") or ()), tuple(_named(given.get("inventory"))), str(given.get("subset") or "")
        )
        self._run.check = bool(given.get("check"))
        self._ours = Path(playbook._file_name).resolve().parent == PLAYBOOKS.resolve()
        self._run.matched = False

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Note how long the play before this one took."""
        self._end_of_play()
        self._play = play.get_name().strip()

    def _end_of_play(self) -> None:
        now = time.monotonic()
        if self._play:
            self._run.phases[self._play] = self._run.phases.get(self._play, 0.0) + now - self._play_begin
        self._play_begin = now

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Note whether this run has to do with the collection."""
        del is_conditional
        self._ours = self._ours or str(task.action).startswith(COLLECTION)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Keep what the last lines need of a result."""
        action, host, found = str(result.task.action), result.host.get_name(), result.result
        if found.get("changed") and action != PLAN:
            self._run.changed.setdefault(host, []).append(result.task.get_name().rpartition(" : ")[2].strip())
        if action == PLAN:
            self._run.plan = found
        elif action == PREFLIGHT:
            self._run.findings, self._run.verdicts = found["findings"], dict(found["hosts"])
        elif action == STATUS:
            self._run.status, self._run.units = found["msg"], found["units"]
        elif action == READY:
            self._ready(host, found)
        elif action == SERVICE and found.get("changed"):
            self._run.restarts |= {(host, name) for name in found.get("units", {})}
        elif action == UNITS:
            self._keys(result.task_fields.get("args") or {})

    def _ready(self, host: str, found: Mapping[str, Any]) -> None:
        for name, unit in (found.get("units") or {}).items():
            if unit["phase"] == "ready":
                self._run.ready[host, name] = float(found.get("seconds", 0.0))

    def _keys(self, arguments: Mapping[str, Any]) -> None:
        """Note which deployments need a key; the keys themselves are not kept."""
        own = arguments.get("api_keys") or {}
        for unit in arguments.get("servers") or arguments.get("routers") or ():
            name = unit["deployment"]
            if own.get(name, {}).get("api_key") or (name not in own and arguments.get("api_key")):
                self._run.with_keys.add(name)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Keep why a task failed; of several, the last one ended the host."""
        if not ignore_errors:
            self._run.failed[result.host.get_name()] = Reason(
                _message(result.result), str(result.task.action), self._play
            )

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Keep why a host did not answer."""
        text = _message(result.result).removeprefix("Task failed: ")
        self._run.failed[result.host.get_name()] = Reason(text, str(result.task.action), self._play, unreachable=True)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the last lines."""
        self._end_of_play()
        if not self._ours:
            return
        run = self._run
        run.seconds = time.monotonic() - self._begin
        run.matched = bool(stats.processed)
        # What was rescued or ignored is no failure of the run.
        run.failed = {
            name: run.failed[name] for name in sorted(run.failed) if name in stats.failures or name in stats.dark
        }
        lines = render(run)
        if lines:
            bad = bool(run.failed) or not run.matched
            self._display.display("\n".join(lines), color=C.COLOR_ERROR if bad else C.COLOR_OK)


def _named(inventories: Any) -> list[str]:
    """Return the inventories of the command line; those of ansible.cfg need no mention."""
    defaults = [str(one) for one in C.DEFAULT_HOST_LIST]
    given = [inventories] if isinstance(inventories, str) else list(inventories or ())
    return [_short(str(one)) for one in given if str(one) not in defaults]


def _short(path: str) -> str:
    """Return a path as one would type it here."""
    relative = os.path.relpath(path) if path.startswith("/") else path
    return path if relative.startswith("..") else relative


def _message(result: Mapping[str, Any]) -> str:
    """Return what a result says about its failure."""
    items = [one for one in result.get("results") or () if isinstance(one, Mapping) and one.get("failed")]
    found = items[0] if items else result
    text, printed = (
        str(found.get("msg") or found.get("censored") or ""),
        str(found.get("module_stderr") or found.get("stderr") or "").strip(),
    )
    # Where a module did not come to its own words, what it printed has the reason at its end.
    return f"{text.strip()}: {printed.splitlines()[-1]}" if printed and "module_stderr" in found else text or printed
