# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the steps of releases on a host: brings the program where it is missing, and waits in short remote calls."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.multinode.sglang.plugins.plugin_utils._progress import board, release
from ansible_collections.multinode.sglang.plugins.plugin_utils._release import agree, program

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
    "silence": {"type": "float", "default": 1800},
}
_ON_CONTROLLER = ("progress", "silence")
LONGEST_VERIFICATION = 24 * 3600


class _Talk:
    """Which of the workers of this task tells about the hosts that have no worker yet: the first one that still waits."""

    def __init__(self, host: str, run: dict[str, Any]) -> None:
        self._host, self._entries = (
            host,
            {name: entry for name, entry in run["releases"].items() if host in entry["hosts"]},
        )
        self._board = board.Board(Path(C.DEFAULT_LOCAL_TMP), f"release-{run['run']}")
        self._others = {name: release.Others(self._addresses(entry)) for name, entry in self._entries.items()}
        self._board.note(host, "begun")

    @staticmethod
    def _addresses(entry: dict[str, Any]) -> dict[str, str]:
        return {
            host: f"{address}:{port}" for host, (address, port) in zip(entry["hosts"], entry["addresses"], strict=True)
        }

    def _is(self, host: str, kind: str) -> bool:
        return self._board.read(host, kind) is not None

    def speaks(self) -> bool:
        """Tell whether no host before this one has a worker that waits."""
        before = [
            host for entry in self._entries.values() for host in entry["hosts"][: entry["hosts"].index(self._host)]
        ]
        return not any(self._is(host, "begun") and not self._is(host, "ended") for host in before)

    def lines(self, found: dict[str, dict[str, Any]], elapsed: float) -> list[str]:
        """Return what is printed about the hosts without a worker."""
        waiting = {
            name: [host for host in entry["hosts"] if not self._is(host, "begun")]
            for name, entry in self._entries.items()
        }
        return [
            text
            for name, status in found.items()
            for text in self._others[name].lines(name, status, waiting[name], elapsed)
        ]

    def end(self) -> None:
        """Leave it to the next one."""
        self._board.note(self._host, "ended")


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
            return [
                {**release, "digest": run[release["name"]]["digest"]} for release in releases if release["name"] in run
            ]
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
        return agree.token_path(C.DEFAULT_LOCAL_TMP, self._options["run"]["run"]).read_text(encoding="ascii")

    def _call(
        self, releases: list[dict[str, Any]], wrap_async: bool = False, deliver: bool = False, others: bool = False
    ) -> dict[str, Any]:
        """Make a remote call; where the host lacks the program it is made again, with the program."""
        files = program.files()
        args = {
            **{name: value for name, value in self._options.items() if name not in _ON_CONTROLLER},
            "releases": releases,
            "run": self._options["run"].get("run", ""),
            "token": self._token(releases),
            "program": files if deliver else {},
            "program_digest": program.digest(files),
            "launcher": program.LAUNCHER_NAME,
            "others": others,
        }
        result: dict[str, Any] = self._execute_module(
            module_name="multinode.sglang.release_step", module_args=args, task_vars=self._vars, wrap_async=wrap_async
        )
        if result.get("program_missing"):
            return self._call(releases, wrap_async, deliver=True, others=others)
        # With -vvv Ansible shows the options of a call, and the program is long.
        result.get("invocation", {}).get("module_args", {}).pop("program", None)
        return result

    def _follow(self, releases: list[dict[str, Any]]) -> dict[str, Any]:
        begin = time.monotonic()
        follow = release.Follow(
            self._host, [release["name"] for release in releases], self._options["silence"], self._options["progress"]
        )
        talk = _Talk(self._host, self._options["run"])
        while True:
            speaks = talk.speaks()
            result = self._call([release for release in releases if release["name"] in follow.pending()], others=speaks)
            if result.get("failed"):
                talk.end()
                return result
            elapsed = time.monotonic() - begin
            more = talk.lines(result["releases"], elapsed) if speaks and follow.due(elapsed) else []
            for line in [*follow.take(result["releases"], elapsed), *more]:
                display.display(line)
            verdict = follow.verdict()
            if verdict is not None:
                talk.end()
                outcome = {"changed": False, "actions": [], "warnings": follow.blamed()}
                failure = {"failed": True, "msg": f"{verdict}\nNo host was switched."}
                return {**outcome, **(failure if verdict else {"releases": follow.seen})}

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
                display.display(f"{self._host}: reading every byte, {release.duration(shown - begin)}")
        self._status(status, "cleanup")
        return {name: result[name] for name in ("changed", "actions", "releases", "failed", "msg") if name in result}

    def _status(self, status: dict[str, str], mode: str) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(
            module_name="ansible.legacy.async_status", module_args={**status, "mode": mode}, task_vars=self._vars
        )
        return result
