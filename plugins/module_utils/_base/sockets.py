# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TCP sockets of a host and the processes that hold them."""

from __future__ import annotations

import os
import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import processes
from .host import Root

POLL_SECONDS = 0.05
LISTEN = "0A"
TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
NOBODY: dict[str, Any] = {"pid": None, "command": None, "user": None, "unit": None}


@dataclass(frozen=True)
class Socket:
    """A socket at a local port; its inode leads to the process."""

    address: str
    port: int
    listens: bool
    inode: str
    peer: tuple[str, int]


def parse_address(text: str) -> tuple[str, int]:
    """Return address and port: 0100007F:7530 is 127.0.0.1 30000."""
    # The kernel writes words of 32 bits in the byte order of the processor.
    words, _unused, port = text.partition(":")
    raw = b"".join(struct.pack("=I", int(words[place : place + 8], 16)) for place in range(0, len(words), 8))
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, raw), int(port, 16)


def parse_table(text: str) -> list[Socket]:
    """Return the sockets in a text of /proc/net/tcp; one that no process holds has the inode 0."""
    rows = [line.split() for line in text.splitlines()[1:]]
    return [
        Socket(*parse_address(fields[1]), fields[3] == LISTEN, fields[9], parse_address(fields[2]))
        for fields in rows
        if len(fields) > 9
    ]


def sockets(root: Root) -> list[Socket]:
    """Return every TCP socket."""
    return [found for path in TABLES for found in parse_table(root.text(path))]


def listeners(root: Root) -> list[Socket]:
    """Return the sockets that listen."""
    return [found for found in sockets(root) if found.listens]


def inodes_of(root: Root, pid: int | str) -> Iterator[str]:
    """Yield the inodes of the sockets of a process."""
    try:
        with os.scandir(root.path(f"/proc/{pid}/fd")) as entries:
            for entry in entries:
                match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(entry.path))
                if match:
                    yield match.group(1)
    except OSError:
        # The process has ended, or belongs to another user.
        return


def owners(root: Root, inodes: set[str]) -> dict[str, int]:
    """Return inode -> the first process that holds the socket; reads the descriptors of all processes once."""
    found: dict[str, int] = {}
    for name in root.names("/proc"):
        if len(found) == len(inodes):
            break
        if name.isdecimal():
            for inode in inodes_of(root, name):
                if inode in inodes:
                    found.setdefault(inode, int(name))
    return found


def owner_of_port(root: Root, port: int) -> dict[str, Any]:
    """Return who holds a local port, a listener before others; NOBODY where it is the kernel or another namespace."""
    held = sorted(
        (one for one in sockets(root) if one.port == port and one.inode != "0"), key=lambda one: not one.listens
    )
    holders = owners(root, {one.inode for one in held})
    pid = next((holders[one.inode] for one in held if one.inode in holders), None)
    return NOBODY if pid is None else processes.describe(root, pid)


def other_end(root: Root, connection: socket.socket, seconds: float) -> dict[str, Any]:
    """Return who has accepted a connection on this host; NOBODY where nobody does in time."""
    wanted = _name(connection.getpeername()), _name(connection.getsockname())
    deadline = time.monotonic() + seconds
    while True:
        found = {one.inode for one in sockets(root) if (_name((one.address, one.port)), _name(one.peer)) == wanted}
        for pid in owners(root, found - {"0"}).values():
            return processes.describe(root, pid)
        if time.monotonic() >= deadline:
            return NOBODY
        time.sleep(POLL_SECONDS)


def _name(address: tuple[Any, ...]) -> tuple[str, int]:
    """Return an address of IPv4 as such, even at a socket of IPv6."""
    return str(address[0]).replace("::ffff:", ""), int(address[1])
