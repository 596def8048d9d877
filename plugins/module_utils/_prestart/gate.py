# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the ranks of an instance arrive at rank 0. Nobody else takes a place there, or any time of it."""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass

from .hello import HELLO_BYTES, HELLO_SECONDS, Peers, answer, check_hello, say

# How many connections of one address may wait for their line, and how many strangers are named in the log.
MOST_HELLOS = 8
MOST_STRANGERS = 32


@dataclass
class Hello:
    """A connection from the address of a rank that has not said yet which one it is."""

    connection: socket.socket
    address: str
    deadline: float
    data: bytes = b""

    def whole(self) -> bool:
        """Take what has arrived; return whether there is nothing more to wait for."""
        try:
            chunk = self.connection.recv(HELLO_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            chunk = b""
        self.data += chunk
        return not chunk or self.data.endswith(b"\n") or len(self.data) >= HELLO_BYTES


class Gate:
    """The connections of the other ranks."""

    def __init__(self, peers: Peers, server: socket.socket) -> None:
        """Keep the socket that listens."""
        self._peers, self._server = peers, server
        self._hellos: list[Hello] = []
        self._strangers: set[str] = set()
        self.present: dict[int, socket.socket] = {}
        self.refusal = ""
        server.setblocking(False)

    def turn(self, seconds: float) -> None:
        """Wait for something to happen, and let in who may come in."""
        waiting = [self._server, *(one.connection for one in self._hellos), *self.present.values()]
        ready = select.select(waiting, [], [], seconds)[0]
        for rank in [rank for rank, connection in self.present.items() if connection in ready]:
            # A waiting follower sends nothing: what can be read is its end.
            self.present.pop(rank).close()
        for hello in [one for one in self._hellos if one.connection in ready and one.whole()]:
            self._hellos.remove(hello)
            self._judge(hello)
        now = time.monotonic()
        for hello in [one for one in self._hellos if one.deadline < now]:
            self._drop(hello)
        if self._server in ready:
            self._accept()

    def _accept(self) -> None:
        try:
            connection, peer = self._server.accept()
        except OSError:
            return
        connection.setblocking(False)
        address = str(peer[0])
        if address not in self._peers.addresses[1:]:
            self._turn_away(connection, address)
            return
        same = [one for one in self._hellos if one.address == address]
        if len(same) >= MOST_HELLOS:
            self._drop(same[0])
        self._hellos.append(Hello(connection, address, time.monotonic() + HELLO_SECONDS))

    def _turn_away(self, connection: socket.socket, address: str) -> None:
        refusal = f"{address} is no rank of this instance in the plan of {self._peers.names[0]}; deploy again"
        if len(self._strangers) < MOST_STRANGERS and address not in self._strangers:
            self._strangers.add(address)
            say(refusal)
        answer(connection, refusal)

    def _drop(self, hello: Hello) -> None:
        self._hellos.remove(hello)
        hello.connection.close()

    def _judge(self, hello: Hello) -> None:
        line = hello.data.decode("utf-8", "replace").strip()
        rank, refusal = check_hello(self._peers, hello.address, line)
        if refusal:
            say(refusal)
            self.refusal = refusal if rank > 0 else self.refusal
            answer(hello.connection, refusal)
            return
        if rank in self.present:
            self.present.pop(rank).close()
        self.present[rank] = hello.connection

    def close(self) -> None:
        """End what has not come in."""
        for hello in self._hellos:
            hello.connection.close()
