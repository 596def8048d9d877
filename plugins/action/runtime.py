# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check first, in one remote call; install in the background of the host, and print how far it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible_collections.multinode.sglang.plugins.module_utils._base.paths import of_release
from ansible_collections.multinode.sglang.plugins.module_utils._base.text import clean, duration, masked
from ansible_collections.multinode.sglang.plugins.module_utils._runtime import arguments
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import CollectionAction, display

AUTO = "auto"
LOCKS = Path(__file__).parents[2] / "roles/sglang_runtime/files/locks"
POLL_SECONDS = 5
LONGEST_INSTALL = 6 * 3600


class ActionModule(CollectionAction):
    """Action plugin of M(multinode.sglang.runtime)."""

    ARGUMENTS: ClassVar[Mapping[str, Any]] = arguments.ARGUMENTS
    RULES: ClassVar[Mapping[str, Any]] = arguments.RULES

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Return what the module found or did; a refusal names the host."""
        options["commands"] = [one for one in options["commands"] if _asks(one["hosts"], variables)]
        locks = self._locks(options) if options["method"] == "install" else {}
        if options["lock"] != AUTO:
            options["lock_digests"] = {one: hashlib.sha256(text.encode()).hexdigest() for one, text in locks.items()}
        options["locks"] = {}
        result = self._bring(options, locks, variables)
        if result.get("failed") and result.get("msg"):
            result["msg"] = f"{variables.get('inventory_hostname')}  {result['msg']}"
        return result

    def _locks(self, options: Mapping[str, Any]) -> dict[str, str]:
        """Return the text of the lock of each version that has one."""
        if options["lock"] == AUTO:
            known = {} if options["constraints"] else {one: _of_collection(options, one) for one in options["versions"]}
            return {version: path.read_text(encoding="utf-8") for version, path in known.items() if path.exists()}
        if not options["lock"]:
            return {}
        found = {}
        for version in options["versions"]:
            path = of_release(options["lock"], version)
            try:
                found[version] = Path(self._find_needle("files", path)).read_text(encoding="utf-8")
            except (AnsibleError, OSError) as error:
                raise AnsibleActionFail(
                    f"{options['variables']}_lock: {path} cannot be read on the controller; make it with "
                    "uv pip compile --generate-hashes, or correct the path"
                ) from error
        return found

    def _bring(self, options: dict[str, Any], locks: Mapping[str, str], variables: dict[str, Any]) -> dict[str, Any]:
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

        missing = [version for version in options["versions"] if version not in locks]
        if missing and options["lock"] == AUTO:
            display.warning(
                f"{options['distribution']} {', '.join(missing)}: there is no lock, so the index decides which other "
                f"packages are installed; see {options['variables']}_lock"
            )
        wanted = {**options, "locks": dict(locks)}
        return self.in_background("runtime", wanted, variables, LONGEST_INSTALL, POLL_SECONDS, progress)

    def _last_line(self, options: dict[str, Any], variables: dict[str, Any]) -> str:
        logs = [f"{options['root']}/.{version}.log" for version in options["versions"]]
        words = ["/bin/sh", "-c", 'tail -n 1 "$(ls -t "$@" 2>/dev/null | head -n 1)"', "sh", *logs]
        tail = self.remote("ansible.legacy.command", {"argv": words}, variables)
        return masked(clean(str(tail.get("stdout", "")).strip()[:160]))


def _of_collection(options: Mapping[str, Any], version: str) -> Path:
    return LOCKS / f"{options['distribution']}-{version}.txt"


def _asks(hosts: list[str], variables: Mapping[str, Any]) -> bool:
    """Tell whether this host is the one of the play that asks: the answer is the same on all of them."""
    there = [host for host in hosts if host in variables.get("ansible_play_hosts", ())]
    return not hosts or there[:1] == [variables.get("inventory_hostname")]
