# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks between hosts: a host without the token of the run gets nothing, and what was changed on the way is refused.

Both sides prove that they know the token, with a nonce of each. Every message after that has a code under a key of
this connection, over its place in the conversation. A block itself has none: its message carries the mark, which is
the SHA-256 of all bytes of the file up to there, and the receiver has to come to the same mark. So the channel costs
nothing but the hash that is computed anyway. It hides nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import socket
import struct
from collections.abc import Sequence

from .journal import KEY
from .manifest import MARK

READ, DONE, PASS_BY, VOUCH = 1, 2, 3, 4
BLOCK, WAIT, MOVED, NEVER, SO_FAR, VOUCHED = 1, 2, 3, 4, 5, 6
_HELLO = struct.Struct(">8s16sI")
_MAGIC = b"release1"
_REQUEST = struct.Struct(f">B{KEY}sQ")
_ANSWER = struct.Struct(f">BQ{MARK}s")
_CODE = 16
# From linux/in.h; it is for IPv6, too. Python names it since 3.12.
_BIND_ADDRESS_NO_PORT = 24
NO_KEY = bytes(KEY)
NO_MARK = bytes(MARK)


class Distrusted(OSError):
    """The other side does not know the token, or its message was changed."""


class Channel:
    """One connection, after both sides have proved that they know the token."""

    def __init__(self, connection: socket.socket, token: bytes, own: int, server: bool) -> None:
        """Authenticate the other side; `own` is the number of this host."""
        self.socket = connection
        hello = _HELLO.pack(_MAGIC, os.urandom(16), own)
        connection.sendall(hello)
        other = self._exactly(_HELLO.size)
        magic, _nonce, self.other = _HELLO.unpack(other)
        both = other + hello if server else hello + other
        names = (b"server", b"client") if server else (b"client", b"server")
        mine, theirs = (hmac.digest(token, name + both, "sha256") for name in names)
        connection.sendall(mine)
        if magic != _MAGIC or not hmac.compare_digest(self._exactly(len(theirs)), theirs):
            raise Distrusted("the other side does not know the token of this run")
        self._key = hmac.digest(token, b"messages" + both, "sha256")
        self._counts = {True: 0, False: 0}
        self._server = server

    def _exactly(self, size: int) -> bytes:
        data = bytearray(size)
        self.receive_into(memoryview(data))
        return bytes(data)

    def receive_into(self, view: memoryview) -> None:
        """Fill a buffer."""
        while view:
            count = self.socket.recv_into(view)
            if count == 0:
                raise ConnectionError("the other side has closed the connection")
            view = view[count:]

    def _code(self, message: bytes, from_server: bool) -> bytes:
        place = struct.pack(">?Q", from_server, self._counts[from_server])
        self._counts[from_server] += 1
        return hmac.digest(self._key, place + message, "sha256")[:_CODE]

    def _send(self, message: bytes) -> None:
        self.socket.sendall(message + self._code(message, self._server))

    def _receive(self, size: int) -> bytes:
        data = self._exactly(size + _CODE)
        if not hmac.compare_digest(self._code(data[:size], not self._server), data[size:]):
            raise Distrusted("a message was changed in transit")
        return data[:size]

    def ask(self, kind: int, key: bytes = NO_KEY, number: int = 0) -> None:
        """Send a request."""
        self._send(_REQUEST.pack(kind, key, number))

    def asked(self) -> tuple[int, bytes, int]:
        """Receive a request."""
        kind, key, number = _REQUEST.unpack(self._receive(_REQUEST.size))
        return kind, key, number

    def answer(self, kind: int, number: int = 0, mark: bytes = NO_MARK) -> None:
        """Send an answer; a block follows by itself."""
        self._send(_ANSWER.pack(kind, number, mark))

    def answered(self) -> tuple[int, int, bytes]:
        """Receive an answer."""
        kind, number, mark = _ANSWER.unpack(self._receive(_ANSWER.size))
        return kind, number, mark

    def hang_up(self) -> None:
        """End the conversation, also for a thread that waits for an answer."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()


def dial(hosts: Sequence[tuple[str, int]], number: int, token: bytes, own: int, timeout: float) -> Channel:
    """Connect to a host of the run, from the address by which that host knows this one."""
    connection = socket.socket(socket.AF_INET6 if ":" in hosts[number][0] else socket.AF_INET)
    try:
        connection.settimeout(timeout)
        # Without this, the port would be chosen before it is known to whom it leads, and could be another listener's.
        connection.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        connection.bind((hosts[own][0], 0))
        connection.connect(hosts[number])
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Channel(connection, token, own, server=False)
    except BaseException:
        connection.close()
        raise


def token_of(text: str) -> bytes:
    """Return the key of a run from its token."""
    return hashlib.sha256(text.strip().encode()).digest()
