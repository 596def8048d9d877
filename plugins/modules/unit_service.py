#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: unit_service
short_description: Start, stop or restart several systemd units of a host in one call
version_added: 1.0.0
description:
  - Stopping is bounded. Units that have not stopped after O(timeout) are killed, and RV(killed) lists them.
  - Starting does not wait. The ranks of an instance wait for each other, and M(multinode.sglang.ready) waits for all of
    them.
  - Restarting waits until each unit is active, and fails at the first one that does not start.
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  names:
    description: Names of units without C(.service). Stopping one that does not exist does nothing.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(started) starts units that are not active or starting, V(stopped) stops units that are not inactive or failed.
      - V(restarted) always stops and starts, one unit after the other.
    type: str
    choices: [started, stopped, restarted]
    required: true
  timeout:
    description: How long in seconds stopping may take before what still runs in the units is killed.
    type: int
    default: 150
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Stop two servers
  multinode.sglang.unit_service:
    names: [sglang-llama-0, sglang-llama-1]
    state: stopped

- name: Restart two routers, one after the other
  multinode.sglang.unit_service:
    names: [sglang-router-llama, sglang-router-qwen]
    state: restarted
"""

RETURN = r"""
killed:
  description: Units that did not stop in time and were killed.
  returned: always
  type: list
  elements: str
  sample: []
units:
  description: State of each unit afterwards, or as it would be in check mode.
  returned: always
  type: dict
  sample: {"sglang-llama-0": "inactive"}
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base.systemd import Systemd, SystemdError, service
from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

DOWN = ("inactive", "failed")
UP = ("active", "activating", "reloading")
SHOWN_LINES = 10


def states(systemd: Systemd, names: list[str]) -> dict[str, str]:
    """Return name -> active state."""
    return {name: values["ActiveState"] for name, values in systemd.show(names).items()}


def wait_until_down(systemd: Systemd, names: list[str], timeout: float) -> list[str]:
    """Return the units that are still up when the time is over."""
    deadline = time.monotonic() + timeout
    while True:
        up = [name for name, state in states(systemd, names).items() if state not in DOWN]
        if not up or time.monotonic() >= deadline:
            return up
        time.sleep(0.5)


def stop(systemd: Systemd, names: list[str], timeout: float) -> list[str]:
    """Stop units; return the ones that had to be killed."""
    systemd.call("stop", "--no-block", *map(service, names))
    left = wait_until_down(systemd, names, timeout)
    if left:
        systemd.call("kill", "--kill-who=all", "--signal=SIGKILL", *map(service, left))
        still = wait_until_down(systemd, left, 15)
        if still:
            raise SystemdError(
                f"{first_few(still)}: processes are left 15 s after they were killed; see 'systemctl status {still[0]}'"
            )
    shown = systemd.show(names)
    failed = [name for name in names if shown[name]["ActiveState"] == "failed"]
    if failed:
        # How a stopped server ended is in its journal; a failed unit is one that somebody has to check.
        systemd.call("reset-failed", *map(service, failed))
    return sorted({*left, *(name for name in names if shown[name].get("Result") == "timeout")})


def forget_restarts(systemd: Systemd, names: list[str]) -> None:
    """Set the counters of automatic restarts to zero."""
    counted = [name for name, values in systemd.show(names).items() if values.get("NRestarts", "0") != "0"]
    if counted:
        # A wait takes a restart for a crash. systemd keeps the counter of a unit that was stopped between its end and
        # its automatic restart, like that of a follower that ends by itself when its leader stops.
        systemd.call("reset-failed", *map(service, counted))


def start(systemd: Systemd, names: list[str]) -> None:
    """Start units."""
    forget_restarts(systemd, names)
    systemd.call("start", "--no-block", *map(service, names))


def restart(systemd: Systemd, names: list[str], timeout: float) -> list[str]:
    """Stop and start units, each when the one before is active; return the ones that had to be killed."""
    killed: list[str] = []
    for name in names:
        if states(systemd, [name])[name] not in DOWN:
            killed += stop(systemd, [name], timeout)
        forget_restarts(systemd, [name])
        try:
            systemd.call("start", service(name))
        except SystemdError as error:
            lines = "".join(f"\n  {line}" for line in systemd.journal(name, SHOWN_LINES))
            raise SystemdError(f"{error}; the end of its journal:{lines}") from error
    return killed


def act(systemd: Systemd, state: str, names: list[str], timeout: float) -> list[str]:
    """Bring units into a state; return the ones that had to be killed."""
    if state == "restarted":
        return restart(systemd, names, timeout)
    if state == "stopped":
        return stop(systemd, names, timeout)
    start(systemd, names)
    return []


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped", "restarted"], "required": True},
            "timeout": {"type": "int", "default": 150},
        },
        supports_check_mode=True,
    )
    systemd = Systemd(module.run_command)
    names, state = module.params["names"], module.params["state"]
    fine = {"started": UP, "stopped": DOWN, "restarted": ()}[state]
    killed: list[str] = []
    try:
        before = states(systemd, names)
        todo = [name for name in names if before[name] not in fine]
        after = {**before, **dict.fromkeys(todo, "inactive" if state == "stopped" else "active")}
        if todo and not module.check_mode:
            killed = act(systemd, state, todo, module.params["timeout"])
            after = states(systemd, names)
    except SystemdError as error:
        module.fail_json(msg=str(error))
    lines = ["".join(f"{name}: {value}\n" for name, value in sorted(shown.items())) for shown in (before, after)]
    module.exit_json(changed=bool(todo), killed=killed, units=after, diff={"before": lines[0], "after": lines[1]})


if __name__ == "__main__":
    main()
