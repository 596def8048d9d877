# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports of ssh, and where Ansible's connection comes from. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass

from .._base.host import Root
from .._base.sockets import inodes_of, listeners

SERVERS = ("sshd", "dropbear")


@dataclass(frozen=True)
class Access:
    """The ports of ssh, and the address of Ansible's ssh client, None without an ssh connection."""

    ports: tuple[int, ...]
    client: str | None


def _is_root(root: Root, process: str) -> bool:
    """Return whether a process is root's: everybody may give a program this name, and have a port opened for it."""
    return re.search(r"^Uid:\s+0\s", root.text(f"/proc/{process}/status"), re.MULTILINE) is not None


def listening(root: Root) -> set[int]:
    """Return the ports on which a running ssh server listens for other hosts."""
    inodes = {
        inode
        for name in root.names("/proc")
        if name.isdecimal() and root.text(f"/proc/{name}/comm") in SERVERS and _is_root(root, name)
        for inode in inodes_of(root, name)
    }
    return {
        row.port for row in listeners(root) if row.inode in inodes and not ipaddress.ip_address(row.address).is_loopback
    }


def parse_connection(text: str) -> tuple[str, int] | None:
    """Return who connects to which port: SSH_CONNECTION=10.0.0.9 51234 10.0.0.1 22 -> ("10.0.0.9", 22)."""
    words = text.split()
    if len(words) != 4 or not words[3].isdecimal():
        return None
    try:
        client = ipaddress.ip_address(words[0].partition("%")[0])
    except ValueError:
        return None
    mapped = client.ipv4_mapped if isinstance(client, ipaddress.IPv6Address) else None
    return str(mapped or client), int(words[3])


def connection(root: Root, pid: int) -> tuple[str, int] | None:
    """Return the ssh connection of this process. sudo drops the variable, so that of parent processes counts."""
    while pid > 1:
        for word in root.text(f"/proc/{pid}/environ").split("\0"):
            if word.startswith("SSH_CONNECTION="):
                return parse_connection(word.partition("=")[2])
        parent = re.search(r"^PPid:\s+(\d+)", root.text(f"/proc/{pid}/status"), re.MULTILINE)
        pid = int(parent.group(1)) if parent else 0
    return None


def access(root: Root) -> Access:
    """Return how ssh reaches this host."""
    found = connection(root, os.getpid())
    client, port = found or (None, None)
    ports = listening(root) | ({port} if port is not None else set())
    return Access(tuple(sorted(ports)), client)
