# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP sockets and their owners."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import sockets
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Root
from ansible_collections.multinode.sglang.plugins.module_utils._base.sockets import Socket

Host = Callable[[str], Root]
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = "   0: {} 00000000:0000 {} 00000000:00000000 00:00000000 00000000     0        0 {} 1 000000005feb9eb5\n"


def table(*rows: tuple[str, str, int]) -> str:
    """Return a text of /proc/net/tcp from (address, state, inode)."""
    return HEAD + "".join(ROW.format(*row) for row in rows)


@pytest.fixture
def served(host_files: Host, tmp_path: Path) -> Root:
    """A host with a listener of process 812, one of its connections, and a listener that nobody holds."""
    root = host_files(
        "/proc/net/tcp =\n/proc/812/fd/3 -> socket:[8]\n/proc/812/comm = sglang\n/proc/9/fd/0 -> /dev/null\n"
    )
    rows = [
        ("0100007F:7530", "01", 7),
        ("0100007F:7530", "0A", 8),
        ("0100007F:7530", "06", 0),
        ("0100007F:07E8", "0A", 9),
    ]
    (tmp_path / "proc/net/tcp").write_text(table(*rows))
    (tmp_path / "proc/net/tcp6").write_text(HEAD)
    return root


def test_a_table_has_listeners_and_connections() -> None:
    found = sockets.parse_table(table(("00000000:07E8", "0A", 1077), ("0100007F:4E20", "01", 1079)))
    peer = ("0.0.0.0", 0)
    assert found == [Socket("0.0.0.0", 2024, True, "1077", peer), Socket("127.0.0.1", 20000, False, "1079", peer)]
    assert sockets.parse_table("") == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0100007F:7530", ("127.0.0.1", 30000)),
        ("00000000000000000000000001000000:0016", ("::1", 22)),
        ("B80D0120000000000000000001000000:1F90", ("2001:db8::1", 8080)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert sockets.parse_address(text) == address


def test_only_listeners_listen(served: Root) -> None:
    assert [(one.port, one.inode) for one in sockets.listeners(served)] == [(30000, "8"), (2024, "9")]


def test_the_owner_of_a_port_is_who_holds_one_of_its_sockets(served: Root) -> None:
    assert sockets.owner_of_port(served, 30000)["pid"] == 812
    assert sockets.owner_of_port(served, 2024) == sockets.NOBODY
    assert sockets.owner_of_port(served, 30001) == sockets.NOBODY


def test_a_listener_comes_before_a_connection(served: Root, tmp_path: Path) -> None:
    (tmp_path / "proc/700/fd").mkdir(parents=True)
    (tmp_path / "proc/700/fd/5").symlink_to("socket:[7]")
    assert sockets.owner_of_port(served, 30000)["pid"] == 812
    (tmp_path / "proc/812/fd/3").unlink()
    assert sockets.owner_of_port(served, 30000)["pid"] == 700


@pytest.mark.parametrize("listening", ["127.0.0.1", "::"])
def test_the_other_end_of_a_connection_is_who_accepts_it(listening: str) -> None:
    family = socket.AF_INET6 if ":" in listening else socket.AF_INET
    with socket.socket(family) as server:
        server.bind((listening, 0))
        server.listen()
        with socket.create_connection(("127.0.0.1", server.getsockname()[1])) as client:
            # It waits in the queue of the listener, so it is nobody's yet.
            assert sockets.other_end(Root(), client, 0.1) == sockets.NOBODY
            with server.accept()[0]:
                assert sockets.other_end(Root(), client, 5)["pid"] == os.getpid()
