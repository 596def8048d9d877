# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of multinode.sglang.deploy_lock; the module of that name holds its documentation."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible import context
from ansible_collections.multinode.sglang.plugins.plugin_utils import _results as results
from ansible_collections.multinode.sglang.plugins.plugin_utils._action import CollectionAction, display


class ActionModule(CollectionAction):
    """Take the lock of a host for this run, or release it."""

    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "minutes": {"type": "float", "default": 120},
        "break_lock": {"type": "bool", "default": False},
        "stamp": {"type": "bool", "default": False},
        "record": {"type": "dict"},
        "ended": {"type": "str", "default": ""},
        "deployments": {"type": "dict"},
        "sglang_version": {"type": "str"},
        "hosts": {"type": "list", "elements": "str"},
    }

    def act(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Ask the host, and once more where the holder is known to have ended."""
        plan = results.plan_of(variables)
        given = {key: value for key, value in options.items() if value is not None}
        wanted = {
            "record": this_run(variables, os.getppid()),
            "deployments": digests(plan["hosts"].get(variables["inventory_hostname"]) or {}),
            "sglang_version": plan["sglang_version"],
            "hosts": [] if plan["left_out"] else list(plan["hosts"]),
            **given,
        }
        found = self.remote("deploy_lock", wanted, variables)
        holder = found.get("holder")
        if holder and has_ended(holder, wanted["record"]["controller"]):
            found = self.remote("deploy_lock", {**wanted, "ended": holder["run"]}, variables)
        for name, entry in (found.get("back") or {}).items():
            day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(entry["time"]))
            display.warning(
                f"{name}: this run goes back to the plan of {day} by {entry['who']} from {entry['controller']}"
            )
        dropped = {"invocation", "holder", "record"} if found.get("failed") else {"invocation"}
        return {key: value for key, value in found.items() if key not in dropped}


def this_run(variables: Mapping[str, Any], process: int) -> dict[str, str]:
    """Return who runs what from where. process: that of ansible-playbook."""
    controller = socket.gethostname()
    job, template, user = (_awx(variables, name) for name in ("job_id", "job_template_id", "user_name"))
    playbooks = context.CLIARGS.get("args") or ("a playbook",)
    return {
        "run": f"{controller}/{process}/{started(process)}",
        "who": user or os.environ.get("SUDO_USER") or getpass.getuser(),
        "controller": controller,
        "process": f"AWX job {job}" if job else f"process {process}",
        "playbook": os.path.basename(str(playbooks[0])),
        "template": template,
    }


def _awx(variables: Mapping[str, Any], name: str) -> str:
    """Return a variable that AWX, or Tower before it, gives to its jobs."""
    return str(variables.get(f"awx_{name}") or variables.get(f"tower_{name}") or "")


def started(process: int) -> str:
    """Return when a process of this machine began, in ticks since its boot; empty if it has ended."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name of a program, in parentheses, may hold spaces.
    return text.rpartition(")")[2].split()[19]


def has_ended(holder: Mapping[str, Any], controller: str) -> bool:
    """Return whether a run was on this controller and its process is gone; False where nobody here can know."""
    where, process, begun = (["", "", "", *str(holder["run"]).rsplit("/", 2)])[-3:]
    return where == controller and process.isdecimal() and bool(begun) and started(int(process)) != begun


def digests(host: Mapping[str, Any]) -> dict[str, str]:
    """Return deployment -> digest of what a host runs of it."""
    found: dict[str, list[list[str]]] = {}
    for unit in [*(host.get("units") or ()), *(host.get("routers") or ())]:
        found.setdefault(unit["deployment"], []).append([unit["name"], unit["digest"]])
    return {name: hashlib.sha256(json.dumps(sorted(units)).encode()).hexdigest() for name, units in found.items()}
