# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts of NFS and whether they answer; nothing here waits for a dead server. PRIVATE to the collection."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Callable
from typing import Any

from .._base.host import TIMED_OUT
from .program.errors import Refused

# ONC RPC (RFC 5531): the procedure of NFS version 3 that does nothing; servers without this version answer an error.
_CALL_ID = 0x73676C61
_NULL_CALL = struct.pack(">11I", 1 << 31 | 40, _CALL_ID, 0, 2, 100003, 3, 0, 0, 0, 0, 0)
_ANSWER = struct.Struct(">4x2I")
_OCTAL = re.compile(r"\\([0-7]{3})")


def parse_mountinfo(text: str) -> dict[str, tuple[str, str, str]]:
    """Return mount point -> device number, type and source; of several mounts at a point the last one counts."""
    found = {}
    for line in text.splitlines():
        before, mark, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if mark and len(fields) >= 6 and len(rest) >= 2:
            found[_plain(fields[4])] = (fields[2], rest[0], _plain(rest[1]))
    return found


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text)


def mounted() -> dict[str, tuple[str, str, str]]:
    """Return what is mounted, as the kernel knows it, without asking a server."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as handle:
        return parse_mountinfo(handle.read())


def is_nfs(kind: str) -> bool:
    """Return whether a type of file system is NFS; clients outside the kernel have fuse before it."""
    return kind.removeprefix("fuse.").startswith("nfs")


def refuse_silence(server: str, port: int, seconds: float) -> None:
    """Refuse a server that accepts no connection, or does not answer on it as an NFS server."""
    where = f"the NFS server {server}"
    try:
        connection = socket.create_connection((server, port), seconds)
    except OSError as error:
        raise Refused(
            f"{where} accepts no connection on port {port} within {seconds:g} s ({error}); "
            "start it, open its port for this host, or correct nfs in sglang_models"
        ) from error
    with connection, connection.makefile("rb") as answers:
        try:
            connection.sendall(_NULL_CALL)
            answer = answers.read(_ANSWER.size)
        except OSError as error:
            silent = f"{where} accepts connections on port {port} and does not answer within {seconds:g} s ({error})"
            raise Refused(f"{silent}; restart it") from error
    if len(answer) < _ANSWER.size or _ANSWER.unpack(answer) != (_CALL_ID, 1):
        raise Refused(f"the service on port {port} of {server} is not an NFS server; correct nfs in sglang_models")


def refuse_dead(path: str, seconds: float, run: Callable[..., tuple[Any, ...]]) -> None:
    """Refuse a directory whose file server does not answer; a process reads it that can be killed while it waits."""
    limit = ["timeout", "--signal=KILL", f"{seconds:g}"]
    rc, _out, err = run([*limit, "ls", "-f", "--", path], environ_update={"LC_ALL": "C"}, expand_user_and_vars=False)
    if rc in TIMED_OUT:
        raise Refused(
            f"{path} does not answer within {seconds:g} s; "
            f"make its file server available, or unmount it (umount -f -l {path}), and run again"
        )
    if rc != 0:
        raise Refused(
            f"{path} cannot be read: {str(err).strip() or f'rc {rc}'}; mount it or correct source in sglang_models"
        )


def read_ahead_path(device: str) -> str:
    """Return the kernel's file for the read-ahead of a mounted file system."""
    return f"/sys/class/bdi/{device}/read_ahead_kb"


def read_ahead(device: str) -> int | None:
    """Return the read-ahead in KiB, None where the kernel has none."""
    try:
        with open(read_ahead_path(device), encoding="ascii") as handle:
            return int(handle.read())
    except (OSError, ValueError):
        return None


def helper_found() -> bool:
    """Return whether this host can mount NFS."""
    return any(os.path.exists(f"{folder}/mount.nfs") for folder in ("/sbin", "/usr/sbin"))
