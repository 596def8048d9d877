# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens: recorded tables, and a real listener of this process."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import processes
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Root
from ansible_collections.multinode.sglang.plugins.module_utils._node import listeners

Host = Callable[[str], Root]
TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1077 1 000000005feb9eb5
   1: 0100007F:7530 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 1078 1 000000005feb9eb6
   2: 0100007F:4E20 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1079 1 000000005feb9eb7
"""


def test_owners_have_their_units(host_files: Host) -> None:
    root = host_files(
        "/proc/net/tcp =\n/proc/812/fd/3 -> socket:[1079]\n/proc/812/comm = sglang\n"
        "/proc/812/cgroup = 0::/system.slice/sglang-llama-0.service\n/proc/9/fd/0 -> /dev/null\n"
    )
    with open(root.path("/proc/net/tcp"), "w", encoding="utf-8") as handle:
        handle.write(TABLE)
    found, _unused = listeners.gather(root)
    assert found == [
        {"address": "0.0.0.0", "port": 2024, "pid": None, "command": None, "user": None, "unit": None},
        {
            "address": "127.0.0.1",
            "port": 20000,
            "pid": 812,
            "command": "sglang",
            "user": None,
            "unit": "sglang-llama-0.service",
        },
    ]


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_real_listener_is_found_with_its_process(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as server:
        try:
            server.bind((address, 0))
        except OSError:
            pytest.skip(f"this machine has no {address}")
        server.listen(1)
        found, _unused = listeners.gather(Root())
        (mine,) = [entry for entry in found if entry["port"] == server.getsockname()[1] and entry["address"] == address]
    assert mine["pid"] == os.getpid()
    assert "python" in mine["command"]
    assert mine["user"] == processes.user_of_status(f"Uid:\t{os.getuid()}\t")
