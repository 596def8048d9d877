# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room for many systemd hosts: each one takes a few of the machine's inotify instances, and 128 are soon gone."""

from __future__ import annotations

from pathlib import Path

from .progress import say
from .settings import STATE

LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
BEFORE = STATE / "inotify"
PER_HOST = 8
ENOUGH = 8192


def make_room(hosts: int) -> None:
    """Raise the machine's limit if it is too low for so many hosts."""
    before = int(LIMIT.read_text())
    if before >= PER_HOST * hosts:
        return
    try:
        LIMIT.write_text(str(ENOUGH))
    except PermissionError:
        say(f"fs.inotify.max_user_instances is {before}, too low for {hosts} hosts, and only root can raise it")
        return
    say(f"fs.inotify.max_user_instances is {before}, too low for {hosts} hosts: {ENOUGH} until the last lab is down")
    BEFORE.write_text(str(before))


def restore() -> None:
    """Put the machine's limit back, if it was raised here."""
    if BEFORE.exists():
        LIMIT.write_text(BEFORE.read_text())
        BEFORE.unlink()
