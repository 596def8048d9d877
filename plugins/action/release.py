# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the steps of releases on a host: brings the program where it is missing, and waits in short remote calls."""

from __future__ import annotations

import time
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.multinode.sglang.plugins.plugin_utils import _program, _release_follow, _release_run

display = Display()

ARGUMENTS = {
    "step": {"type": "str", "choices": ["look", "start", "follow", "publish", "verify"], "required": True},
    "releases": {"type": "list", "elements": "dict", "required": True},
    "run": {"type": "dict", "default": {}},
    "firewall": {"type": "bool", "default": True},
    "service_options": {"type": "dict", "default": {}},
    "references": {"type": "list", "elements": "str", "default": ["/etc/systemd/system/sglang-*.service"]},
    "full": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 15},
    "slice": {"type": "float", "default": 5},
    "progress": {"type": "float", "default": 15},
    "silence": {"type": "float", "default": 600},
}
_ON_CONTROLLER = ("progress", "silence")
LONGEST_VERIFICATION = 24 * 3600


class ActionModule(ActionBase):
    """Action plugin of M(multinode.sglang.release)."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take a step on this host."""
        super().run(tmp, task_vars)
        self._vars = task_vars or {}
        self._host = str(self._vars.get("inventory_hostname", ""))
        self._options = self.validate_argument_spec(argument_spec=ARGUMENTS)[1]
        step, releases = self._options["step"], self._concerned()
        if not releases or (self._task.check_mode and step in {"start", "follow"}):
            return {"changed": False, "actions": [], "releases": {}}
        if step == "follow":
            return self._follow(releases)
        if step == "verify" and self._options["full"]:
            return self._in_background(releases)
        result = self._call(releases)
        if self._task.check_mode:
            for action in result.get("actions", []):
                display.display(f"{self._host}: {action}")
        return result

    def _concerned(self) -> list[dict[str, Any]]:
        """Return the releases of this host that have a part in this step, with what the run says of them."""
        step, releases, run = self._options["step"], self._options["releases"], self._options["run"].get("releases", {})
        if step in {"look", "verify"}:
            return list(releases)
        if step == "publish":
            return [{**release, "digest": run[release["name"]]["digest"]} for release in releases if release["name"] in run]
        taking_part = [release for release in releases if self._host in run.get(release["name"], {}).get("hosts", [])]
        return [{**release, "peers": self._peers(run[release["name"]])} for release in taking_part]

    def _peers(self, entry: dict[str, Any]) -> dict[str, Any] | None:
        if len(entry["hosts"]) < 2:
            return None
        own = entry["hosts"].index(self._host)
        return {"own": own, "hosts": entry["addresses"], "grace": entry["grace"], "linger": entry["linger"]}

    def _token(self, releases: list[dict[str, Any]]) -> str:
        if self._options["step"] != "start" or not any(release.get("peers") for release in releases):
            return ""
        return _release_run.token_path(C.DEFAULT_LOCAL_TMP, self._options["run"]["run"]).read_text(encoding="ascii")

    def _call(self, releases: list[dict[str, Any]], wrap_async: bool = False, deliver: bool = False) -> dict[str, Any]:
        """Make a remote call; where the host lacks the program it is made again, with the program."""
        program = _program.files()
        args = {
            **{name: value for name, value in self._options.items() if name not in _ON_CONTROLLER},
            "releases": releases,
            "run": self._options["run"].get("run", ""),
            "token": self._token(releases),
            "program": program if deliver else {},
            "program_digest": _program.digest(program),
            "launcher": _program.LAUNCHER_NAME,
        }
        result: dict[str, Any] = self._execute_module(
            module_name="multinode.sglang.release_step", module_args=args, task_vars=self._vars, wrap_async=wrap_async
        )
        if result.get("program_missing"):
            return self._call(releases, wrap_async, deliver=True)
        # With -vvv Ansible shows the options of a call, and the program is long.
        result.get("invocation", {}).get("module_args", {}).pop("program", None)
        return result

    def _follow(self, releases: list[dict[str, Any]]) -> dict[str, Any]:
        begin = time.monotonic()
        follow = _release_follow.Follow(
            self._host, [release["name"] for release in releases], self._options["silence"], self._options["progress"]
        )
        while True:
            result = self._call([release for release in releases if release["name"] in follow.pending()])
            if result.get("failed"):
                return result
            for line in follow.take(result["releases"], time.monotonic() - begin):
                display.display(line)
            verdict = follow.verdict()
            if verdict is not None:
                outcome = {"changed": False, "actions": [], "releases": follow.seen, "warnings": follow.blamed()}
                return {**outcome, "failed": True, "msg": verdict} if verdict else outcome

    def _in_background(self, releases: list[dict[str, Any]]) -> dict[str, Any]:
        """Verify every byte, which takes longer than a connection may last."""
        begin = shown = time.monotonic()
        self._task.async_val = LONGEST_VERIFICATION
        try:
            job = self._call(releases, wrap_async=True, deliver=True)
        finally:
            self._task.async_val = 0
        if job.get("failed"):
            return job
        status = {"jid": job["ansible_job_id"], "_async_dir": job["results_file"].rpartition("/")[0]}
        while True:
            time.sleep(self._options["slice"])
            result = self._status(status, "status")
            if result.get("finished") or result.get("failed"):
                break
            now = time.monotonic()
            if now - shown >= self._options["progress"]:
                shown = now
                display.display(f"{self._host}: reading every byte, {_release_follow.duration(shown - begin)}")
        self._status(status, "cleanup")
        return {name: result[name] for name in ("changed", "actions", "releases", "failed", "msg") if name in result}

    def _status(self, status: dict[str, str], mode: str) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(
            module_name="ansible.legacy.async_status", module_args={**status, "mode": mode}, task_vars=self._vars
        )
        return result
