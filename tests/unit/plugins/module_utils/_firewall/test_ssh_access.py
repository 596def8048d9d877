# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which ports ssh gets in: those of the running server, and the one of the present connection."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Root
from ansible_collections.multinode.sglang.plugins.module_utils._firewall.ssh_access import (
    Access,
    access,
    connection,
    listening,
    parse_connection,
)

# 22 of all addresses, 2222 of IPv6, 2022 of the loopback alone, 8080 of another program, and 9090 of one that some user
# has called sshd.
TCP = """/proc/net/tcp = head
/proc/700/comm = sshd
/proc/701/comm = nginx
/proc/702/comm = sshd
"""
ROW = (
    " {}: {}:{:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 {} 1"
    " 0000000000000000 100 0 0 10 0\n"
)


@pytest.fixture
def server(host_files: Callable[[str], Root], tmp_path: Path) -> Root:
    """A host with an ssh server and another one."""
    root = host_files(TCP)
    rows = [("00000000", 22, 11), ("0100007F", 2022, 12), ("00000000", 8080, 14), ("00000000", 9090, 15)]
    (tmp_path / "proc/net/tcp").write_text("head\n" + "".join(ROW.format(n, *row) for n, row in enumerate(rows)))
    (tmp_path / "proc/net/tcp6").write_text("head\n" + ROW.format(0, "0" * 32, 2222, 13))
    for pid, user, inodes in ((700, 0, (11, 12, 13)), (701, 0, (14,)), (702, 1000, (15,))):
        (tmp_path / f"proc/{pid}/fd").mkdir()
        (tmp_path / f"proc/{pid}/status").write_text(f"Name:\tsshd\nUid:\t{user}\t{user}\t{user}\t{user}\n")
        for inode in inodes:
            (tmp_path / f"proc/{pid}/fd/{inode}").symlink_to(f"socket:[{inode}]")
    return root


def process(folder: Path, pid: int, parent: int, environment: str) -> None:
    """Make a process."""
    (folder / f"proc/{pid}").mkdir(parents=True)
    (folder / f"proc/{pid}/status").write_text(f"Name:\tx\nPid:\t{pid}\nPPid:\t{parent}\n")
    (folder / f"proc/{pid}/environ").write_text(environment)


def test_ports_of_the_running_server_without_those_of_the_loopback(server: Root) -> None:
    assert listening(server) == {22, 2222}


def test_the_connection_is_found_above_sudo(tmp_path: Path) -> None:
    process(tmp_path, 90, 80, "HOME=/root\0")
    process(tmp_path, 80, 70, "SUDO_USER=me\0PATH=/bin\0")
    process(tmp_path, 70, 1, "LANG=C\0SSH_CONNECTION=10.0.0.9 51234 10.0.0.1 2022\0")
    assert connection(Root(str(tmp_path)), 90) == ("10.0.0.9", 2022)
    assert connection(Root(str(tmp_path)), 12345) is None


def test_both_together(server: Root, tmp_path: Path) -> None:
    process(tmp_path, os.getpid(), 1, "SSH_CONNECTION=fe80::5%eth0 51234 fe80::1%eth0 2022\0")
    assert access(server) == Access((22, 2022, 2222), "fe80::5")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.0.0.9 51234 10.0.0.1 22", ("10.0.0.9", 22)),
        ("::ffff:10.0.0.9 51234 ::ffff:10.0.0.1 22", ("10.0.0.9", 22)),
        ("UNKNOWN 65535 UNKNOWN 65535", None),
        ("10.0.0.9 51234", None),
        ("", None),
    ],
)
def test_odd_connections(text: str, found: tuple[str, int] | None) -> None:
    assert parse_connection(text) == found
