# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted, and whether it answers; nothing here waits for a server that is dead. PRIVATE to the collection."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Callable
from typing import Any

KILLED = (124, 137, -9)
# ONC RPC (RFC 5531), the procedure that does nothing, of NFS version 3; servers without this version answer that they have not got it.
_CALL_ID = 0x73676C61
_NULL_CALL = struct.pack(">11I", 1 << 31 | 40, _CALL_ID, 0, 2, 100003, 3, 0, 0, 0, 0, 0)
_ANSWER = struct.Struct(">4x2I")
_OCTAL = re.compile(r"\\([0-7]{3})")


class MountError(Exception):
    """A mount that does not answer; the text says what to do."""


def parse_mountinfo(text: str) -> dict[str, tuple[str, str, str]]:
    """Return mount point -> number of the device, type and source; of several mounts at a point the last one counts."""
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
    """Return what is mounted; it asks the kernel and no server."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as handle:
        return parse_mountinfo(handle.read())


def is_nfs(kind: str) -> bool:
    """Tell whether a type of file system is NFS; clients that are no part of the kernel have fuse before it."""
    return kind.removeprefix("fuse.").startswith("nfs")


def refuse_silence(server: str, port: int, seconds: float) -> None:
    """Refuse a server that takes no connection, or does not answer on it as one of NFS does."""
    where = f"the NFS server {server}"
    try:
        connection = socket.create_connection((server, port), seconds)
    except OSError as error:
        raise MountError(
            f"{where} takes no connection at port {port} within {seconds:g} s ({error}); "
            "start it, open its port for this host, or correct server and port in sglang_models"
        ) from error
    with connection, connection.makefile("rb") as answers:
        try:
            connection.sendall(_NULL_CALL)
            answer = answers.read(_ANSWER.size)
        except OSError as error:
            silent = f"{where} takes connections at port {port} and gives no answer within {seconds:g} s ({error})"
            raise MountError(f"{silent}; restart it") from error
    if len(answer) < _ANSWER.size or _ANSWER.unpack(answer) != (_CALL_ID, 1):
        raise MountError(
            f"what listens at port {port} of {server} is no NFS server; correct server and port in sglang_models"
        )


def refuse_dead(path: str, seconds: float, run: Callable[..., tuple[Any, ...]]) -> None:
    """Refuse a directory whose file server does not answer; another process asks, which can be killed while it waits."""
    limit = ["timeout", "--signal=KILL", f"{seconds:g}"]
    rc, _out, err = run([*limit, "ls", "-f", "--", path], environ_update={"LC_ALL": "C"})
    if rc in KILLED:
        raise MountError(
            f"{path} does not answer within {seconds:g} s; bring its file server back, or unmount it (umount -f -l) and run again"
        )
    if rc != 0:
        raise MountError(
            f"{path} cannot be read: {str(err).strip() or f'rc {rc}'}; mount it or correct the path in sglang_models"
        )


def read_ahead_path(device: str) -> str:
    """Return the kernel's file for the read-ahead of a mounted file system."""
    return f"/sys/class/bdi/{device}/read_ahead_kb"


def read_ahead(device: str) -> int | None:
    """Return the read-ahead in KiB, None where the kernel tells none."""
    try:
        with open(read_ahead_path(device), encoding="ascii") as handle:
            return int(handle.read())
    except (OSError, ValueError):
        return None


def helper_found() -> bool:
    """Tell whether this host can mount NFS."""
    return any(os.path.exists(f"{folder}/mount.nfs") for folder in ("/sbin", "/usr/sbin"))
