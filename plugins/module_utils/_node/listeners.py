# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on which TCP port, with the process and the unit that it belongs to."""

from __future__ import annotations

from typing import Any

from .._base import processes, sockets
from .._base.host import Root


def gather(root: Root) -> tuple[list[dict[str, Any]], list[str]]:
    """Return every listener with its owner; one without is the kernel's, or in another namespace."""
    rows = sockets.listeners(root)
    holders = sockets.owners(root, {row.inode for row in rows})
    owning = {pid: processes.describe(root, pid) for pid in set(holders.values())}
    found = [
        {
            "address": row.address,
            "port": row.port,
            **(owning[holders[row.inode]] if row.inode in holders else sockets.NOBODY),
        }
        for row in rows
    ]
    return sorted(found, key=lambda entry: (entry["port"], entry["address"])), []
