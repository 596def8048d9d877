# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a process is: its command, user and systemd unit."""

from __future__ import annotations

import pwd
import re
from typing import Any

from .host import Root


def unit_of_cgroup(text: str) -> str | None:
    """Return the systemd unit in a text of /proc/PID/cgroup."""
    for part in reversed(re.split(r"[/\n:]", text)):
        if part.endswith((".service", ".scope")):
            return part
    return None


def user_of_status(text: str) -> str | None:
    """Return the user in a text of /proc/PID/status, as a number where it has no name."""
    match = re.search(r"^Uid:\s+(\d+)", text, re.MULTILINE)
    if match is None:
        return None
    try:
        return pwd.getpwuid(int(match.group(1))).pw_name
    except KeyError:
        return match.group(1)


def describe(root: Root, pid: int) -> dict[str, Any]:
    """Return who a process is; what is not known is None, as for one of another PID namespace."""
    command = root.text(f"/proc/{pid}/cmdline").replace("\0", " ").strip() or root.text(f"/proc/{pid}/comm")
    return {
        "pid": pid,
        "command": command[:200] or None,
        "user": user_of_status(root.text(f"/proc/{pid}/status")),
        "unit": unit_of_cgroup(root.text(f"/proc/{pid}/cgroup")),
    }


def rank(root: Root, pid: int) -> int | None:
    """Return the rank with which a server runs, None where none runs. It is what the process says of itself."""
    words = root.text(f"/proc/{pid}/cmdline").split("\0") if pid else []
    given = words[words.index("--node-rank") + 1 :][:1] if "--node-rank" in words else []
    return int(given[0]) if given and given[0].isdecimal() else None
