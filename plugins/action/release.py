# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a step of releases: on this host in short remote calls, or on the controller over the results of all hosts."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible import constants as C
from ansible_collections.multinode.sglang.plugins.module_utils._base.text import duration
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import CollectionAction, display
from ansible_collections.multinode.sglang.plugins.plugin_utils._progress.board import Board
from ansible_collections.multinode.sglang.plugins.plugin_utils._progress.release import Follow, Speaker
from ansible_collections.multinode.sglang.plugins.plugin_utils._release import agree, compare

INSPECTED, COPIES, VERIFIED = "model_weights_result", "model_weights_copies", "model_weights_verified"
LONGEST_VERIFICATION = 24 * 3600
ON_CONTROLLER = ("plan", "agree", "compare")
NOT_IN_CHECK_MODE = ("copy", "wait", "agree", "switch")


class ActionModule(CollectionAction):
    """Action plugin of M(multinode.sglang.release)."""

    ARGUMENTS: ClassVar[Mapping[str, Any]] = {
        "step": {
            "type": "str",
            "choices": ["inspect", "plan", "copy", "wait", "agree", "switch", "verify", "compare"],
            "required": True,
        },
        "releases": {"type": "list", "elements": "dict", "default": []},
        "run": {"type": "dict", "default": {}},
        "service_options": {"type": "dict", "default": {}},
        "full": {"type": "bool", "default": False},
        "timeout": {"type": "float", "default": 15},
        "slice": {"type": "float", "default": 5},
    }

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Take a step."""
        self._options, self._variables = options, variables
        self._host, step = str(variables.get("inventory_hostname", "")), options["step"]
        if self._task.check_mode and step in NOT_IN_CHECK_MODE:
            return {"changed": False, "actions": [], "run": "", "releases": {}}
        return self._over_all_hosts(step) if step in ON_CONTROLLER else self._on_host(step)

    def _over_all_hosts(self, step: str) -> dict[str, Any]:
        try:
            result: dict[str, Any] = getattr(self, f"_{step}")()
        except agree.Disagreement as error:
            return {"failed": True, "msg": str(error)}
        return {"changed": False, **result}

    def _on_host(self, step: str) -> dict[str, Any]:
        releases = self._concerned()
        if not releases:
            return {"changed": False, "actions": [], "releases": {}}
        if step == "wait":
            return self._wait(releases)
        if step == "verify" and self._options["full"]:
            return self._in_background(releases)
        result = self._call(releases)
        if self._task.check_mode:
            self._show(result)
        return result

    def _show(self, result: dict[str, Any]) -> None:
        for line in result.get("actions", []):
            display.display(f"{self._host}: {line}")

    def _results(self, register: str) -> dict[str, Any]:
        hostvars = self._variables["hostvars"]
        # All hosts, and not only those that are still in the play: one that is lost must not be forgotten.
        return {host: hostvars[host].get(register) for host in self._variables["ansible_play_hosts_all"]}

    def _collect(self, register: str) -> agree.Found:
        results = self._results(register)
        if self._task.check_mode:
            # A source that is not mounted yet is not inspected.
            results = {host: result for host, result in results.items() if "releases" in (result or {})}
        return agree.collect(results, results)

    def _plan(self) -> dict[str, Any]:
        found = agree.settle(self._collect(INSPECTED))
        for line in agree.staying(found):
            display.display(line)
        planned = agree.plan(found, int(self._variables.get("ansible_forks", C.DEFAULT_FORKS)))
        if self._task.check_mode:
            return {"run": "", "releases": {}}
        name = secrets.token_hex(8)
        if any(len(entry["hosts"]) > 1 for entry in planned.values()):
            agree.make_token(C.DEFAULT_LOCAL_TMP, name)
        return {"run": name, "releases": planned}

    def _agree(self) -> dict[str, Any]:
        copies = self._collect(COPIES)
        digests = agree.agreed(agree.settle(self._collect(INSPECTED)), copies)
        for name, digest in digests.items():
            if name in copies:
                display.display(agree.summary(name, digest, copies[name]))
        releases = {name: {"digest": digest} for name, digest in digests.items()}
        return {"run": self._options["run"]["run"], "releases": releases}

    def _compare(self) -> dict[str, Any]:
        results = {host: result or {} for host, result in self._results(VERIFIED).items()}
        sentences = compare.differences(results)
        if sentences:
            return {"failed": True, "msg": "\n".join(sentences)}
        message = "All hosts have the same releases, and these are what their manifests say."
        for line in [*compare.overview(results), message]:
            display.display(line)
        return {"msg": message}

    def _concerned(self) -> list[dict[str, Any]]:
        """Return the releases of this host that take part in this step."""
        step, releases = self._options["step"], self._options["releases"]
        if step in {"inspect", "verify"}:
            return list(releases)
        run = self._options["run"].get("releases", {})
        if step == "switch":
            return [release for release in releases if release["name"] in run]
        return [release for release in releases if self._host in run.get(release["name"], {}).get("hosts", [])]

    def _run(self) -> dict[str, Any]:
        """Return the run as this host needs it: its place among the hosts that copy, or the digest to switch to."""
        run = self._options["run"]
        if self._options["step"] != "copy":
            return {**run, "releases": run.get("releases", {}) if self._options["step"] == "switch" else {}}
        return {"run": run["run"], "releases": {name: self._place(entry) for name, entry in run["releases"].items()}}

    def _place(self, entry: dict[str, Any]) -> dict[str, Any]:
        if len(entry["hosts"]) < 2 or self._host not in entry["hosts"]:
            return {}
        own = entry["hosts"].index(self._host)
        shared = {key: entry[key] for key in ("witness", "grace", "linger")}
        return {"own": own, "hosts": entry["addresses"], **shared}

    def _arguments(self, releases: list[dict[str, Any]], others: bool = False) -> dict[str, Any]:
        """Return the options of the module for this step."""
        run = self._run()
        path = agree.token_path(C.DEFAULT_LOCAL_TMP, str(run.get("run")))
        shared = self._options["step"] == "copy" and any(run["releases"].get(one["name"]) for one in releases)
        token = path.read_text(encoding="ascii") if shared else ""
        return {**self._options, "releases": releases, "run": run, "token": token, "others": others}

    def _call(self, releases: list[dict[str, Any]], others: bool = False) -> dict[str, Any]:
        """Take the step on the host, in one remote call."""
        return self.remote("release", self._arguments(releases, others), self._variables)

    def _wait(self, releases: list[dict[str, Any]]) -> dict[str, Any]:
        """Wait for the copies of this host in short calls, and print their progress."""
        begin, run = time.monotonic(), self._options["run"]
        follow = Follow(self._host, [release["name"] for release in releases])
        speaker = Speaker(self._host, run, Board(Path(C.DEFAULT_LOCAL_TMP), f"release-{run['run']}"))
        while True:
            speaks = speaker.speaks()
            result = self._call([release for release in releases if release["name"] in follow.pending()], others=speaks)
            if result.get("failed"):
                speaker.end()
                return result
            elapsed = time.monotonic() - begin
            more = speaker.lines(result["releases"], elapsed) if speaks and follow.due(elapsed) else []
            for line in [*follow.take(result["releases"], elapsed), *more]:
                display.display(line)
            verdict = follow.verdict()
            if verdict is not None:
                speaker.end()
                outcome = {"changed": False, "actions": [], "warnings": follow.blamed()}
                failure = {"failed": True, "msg": f"{verdict}\nNo host was switched."}
                return {**outcome, **(failure if verdict else {"releases": follow.seen})}

    def _in_background(self, releases: list[dict[str, Any]]) -> dict[str, Any]:
        """Verify every byte, which takes longer than a connection may last."""

        def progress(seconds: float) -> str:
            return f"{self._host}: reading every byte, {duration(seconds)}"

        arguments, poll = self._arguments(releases), self._options["slice"]
        return self.in_background("release", arguments, self._variables, LONGEST_VERIFICATION, poll, progress)
