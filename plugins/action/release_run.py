# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of multinode.sglang.release_run; the module of that name holds its documentation."""

from __future__ import annotations

import secrets
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.multinode.sglang.plugins.plugin_utils._release import agree

display = Display()


class ActionModule(ActionBase):
    """Compare the hosts, without a connection to any."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Decide what is copied, or whether all hosts may switch."""
        super().run(tmp, task_vars)
        self._vars = task_vars or {}
        options = self.validate_argument_spec(
            argument_spec={
                "register": {"type": "str", "required": True},
                "copies": {"type": "str"},
                "run": {"type": "dict", "default": {}},
            },
        )[1]
        try:
            looks = self._collect(options["register"])
            return self._agree(looks, options) if options["copies"] else self._plan(looks)
        except agree.Disagreement as error:
            return {"failed": True, "msg": str(error)}

    def _collect(self, variable: str) -> dict[str, dict[str, Any]]:
        hostvars = self._vars["hostvars"]
        # All hosts, and not only those that are still in the play: one that is lost must not be forgotten.
        hosts = self._vars["ansible_play_hosts_all"]
        return agree.collect(hosts, {host: hostvars[host].get(variable) for host in hosts if host in hostvars})

    def _plan(self, looks: dict[str, dict[str, Any]]) -> dict[str, Any]:
        found = agree.plan(looks, int(self._vars.get("ansible_forks", C.DEFAULT_FORKS)))
        name = secrets.token_hex(8)
        if not self._task.check_mode and any(len(entry["hosts"]) > 1 for entry in found.values()):
            agree.make_token(C.DEFAULT_LOCAL_TMP, name)
        return {"changed": False, "run": name, "releases": found}

    def _agree(self, looks: dict[str, dict[str, Any]], options: dict[str, Any]) -> dict[str, Any]:
        copies = self._collect(options["copies"])
        digests = agree.agreed(looks, copies)
        for name, digest in digests.items():
            if name in copies:
                display.display(agree.summary(name, digest, copies[name]))
        return {
            "changed": False,
            "run": options["run"]["run"],
            "releases": {name: {"digest": digest} for name, digest in digests.items()},
        }
