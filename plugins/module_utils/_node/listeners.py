# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on which port of a host. PRIVATE to the collection."""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

from .._base import processes
from .._base.host import Root

LISTEN = "0A"
TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


def parse_address(text: str) -> tuple[str, int]:
    """Return address and port; 0100007F:7530 is 127.0.0.1 30000. The kernel writes words of 32 bits in the order of the processor."""
    words, _unused, port = text.partition(":")
    raw = b"".join(struct.pack("=I", int(words[place : place + 8], 16)) for place in range(0, len(words), 8))
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, raw), int(port, 16)


def parse_table(text: str) -> list[tuple[str, int, str]]:
    """Return (address, port, inode) of every listener in a text of /proc/net/tcp."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == LISTEN:
            found.append((*parse_address(fields[1]), fields[9]))
    return found


def owners(root: Root, inodes: set[str]) -> dict[str, int]:
    """Return inode -> the first process that holds the socket; reads the descriptors of all processes once."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, int] = {}
    for name in root.names("/proc"):
        if len(found) == len(wanted):
            break
        if name.isdecimal():
            for link in descriptors(root.path(f"/proc/{name}/fd")):
                if link in wanted:
                    found.setdefault(wanted[link], int(name))
    return found


def descriptors(path: str) -> list[str]:
    """Return what the descriptors of a process are, from its directory fd."""
    links = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                links.append(os.readlink(entry.path))
    except OSError:
        # The process is gone, or is not ours to look at.
        return links
    return links


def gather(root: Root) -> tuple[list[dict[str, Any]], list[str]]:
    """Return every listener with its owner; one without is the kernel's, or in another namespace."""
    rows = [row for path in TABLES for row in parse_table(root.text(path))]
    holders = owners(root, {inode for _address, _port, inode in rows})
    nobody = {"pid": None, "command": None, "user": None, "unit": None}
    owning = {pid: processes.describe(root, pid) for pid in set(holders.values())}
    found = [
        {"address": address, "port": port, **(owning[holders[inode]] if inode in holders else nobody)}
        for address, port, inode in rows
    ]
    return sorted(found, key=lambda entry: (entry["port"], entry["address"])), []
