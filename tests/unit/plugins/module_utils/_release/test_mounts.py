# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted, from the kernel's text; and a server or a directory that does not answer."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release import mounts
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused

MOUNTINFO = r"""22 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw
28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard
90 28 0:52 / /mnt/models ro,noatime shared:50 - nfs4 nfs1:/export/models ro,vers=4.2,nconnect=8
91 28 0:53 / /mnt/with\040space ro - nfs 10.0.0.1:/a\040b ro
92 28 0:54 / /mnt/models ro - nfs4 nfs2:/export/models ro
93 28 0:55 / /mnt/odd rw master:1 propagate_from:2 - tmpfs tmpfs rw
broken
"""


def run(words: list[str], **_options: Any) -> tuple[int, str, str]:
    """Run a command as AnsibleModule does."""
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_the_kernels_text_is_read() -> None:
    found = mounts.parse_mountinfo(MOUNTINFO)
    assert found["/"] == ("254:1", "ext4", "/dev/vda1")
    assert found["/mnt/with space"] == ("0:53", "nfs", "10.0.0.1:/a b")
    assert found["/mnt/odd"] == ("0:55", "tmpfs", "tmpfs")
    assert len(found) == 5


def test_of_two_mounts_at_a_point_the_last_one_counts() -> None:
    assert mounts.parse_mountinfo(MOUNTINFO)["/mnt/models"] == ("0:54", "nfs4", "nfs2:/export/models")


def test_this_host_has_a_root() -> None:
    assert mounts.mounted()["/"][1]


@contextlib.contextmanager
def listening(answer: Callable[[bytes], bytes] | None) -> Iterator[int]:
    """Listen on a port, and answer the first call; None takes the connection and says nothing."""
    over = threading.Event()

    def serve() -> None:
        with server.accept()[0] as connection:
            if answer is None:
                over.wait(30)
            else:
                connection.sendall(answer(connection.recv(100)))

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve)
        yield server.getsockname()[1]
        over.set()
        served.result(5)


# Replies as in RFC 5531: accepted, and "version mismatch" (4 is the only one); both carry the id of the call.
@pytest.mark.parametrize("words", [(1, 0, 0, 0, 0), (1, 0, 0, 0, 2, 4, 4)])
def test_a_server_that_answers_is_fine_whatever_its_version(words: tuple[int, ...]) -> None:
    def reply(call: bytes) -> bytes:
        assert struct.unpack(">11I", call)[2:7] == (0, 2, 100003, 3, 0)
        return struct.pack(">I", 1 << 31 | 4 * len(words) + 4) + call[4:8] + struct.pack(f">{len(words)}I", *words)

    with listening(reply) as port:
        mounts.refuse_silence("127.0.0.1", port, 5)


def test_a_server_that_is_not_there_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Refused, match=f"the NFS server 127.0.0.1 accepts no connection on port {port} within 5 s"):
        mounts.refuse_silence("127.0.0.1", port, 5)


def test_a_server_that_never_answers_is_refused_in_time() -> None:
    with (
        listening(None) as port,
        pytest.raises(Refused, match=f"accepts connections on port {port} and does not answer within 0.2 s"),
    ):
        mounts.refuse_silence("127.0.0.1", port, 0.2)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2"])
def test_what_is_no_nfs_server_is_refused(answer: bytes) -> None:
    with (
        listening(lambda _call: answer) as port,
        pytest.raises(Refused, match="is not an NFS server; correct nfs"),
    ):
        mounts.refuse_silence("127.0.0.1", port, 5)


def test_a_directory_that_answers_is_fine(tmp_path: Path) -> None:
    mounts.refuse_dead(str(tmp_path), 30, run)


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"cannot be read: .*No such file"):
        mounts.refuse_dead(f"{tmp_path}/models", 30, run)


def test_a_directory_that_never_answers_is_refused_in_time() -> None:
    def hanging(words: list[str], **options: Any) -> tuple[int, str, str]:
        return run([*words[:3], "sleep", "60"], **options)

    with pytest.raises(Refused, match=r"/mnt/models does not answer within 0\.2 s; make its file server available"):
        mounts.refuse_dead("/mnt/models", 0.2, hanging)


@pytest.mark.parametrize(
    ("kind", "is_one"), [("nfs", True), ("nfs4", True), ("fuse.nfs", True), ("fuse.sshfs", False), ("ext4", False)]
)
def test_clients_outside_the_kernel_are_nfs_too(kind: str, is_one: bool) -> None:
    assert mounts.is_nfs(kind) == is_one
