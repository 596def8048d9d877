# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connects to the ports of all peers at once, and learns who answers and what time it is there. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# Connections under way at a time: each takes a descriptor, and a login may have 1024.
WINDOW = 256
NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Target:
    """A port of a peer; a server that runs already does not greet."""

    host: str
    address: str
    port: int
    greets: bool


@dataclass
class Attempt:
    """A connection under way."""

    target: Target
    started: float
    connection: socket.socket
    connected: bool = False
    data: bytes = b""


@dataclass
class Seen:
    """What was found: failures by host and port, and the clock of each host with how long the answer took."""

    reached: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    clocks: dict[str, tuple[float, float]] = field(default_factory=dict)

    def fail(self, target: Target, reason: str) -> None:
        """Remember a port that cannot be used."""
        self.failures.append({"host": target.host, "address": target.address, "port": target.port, "reason": reason})


def targets(peers: list[dict[str, Any]]) -> Iterator[Target]:
    """Yield every port of all peers, one of each in turn, so that no host is asked for all of its ports at once."""
    every = [
        [
            Target(peer["host"], peer["address"], port, greets)
            for name, greets in (("ports", True), ("serving", False))
            for port in peer[name]
        ]
        for peer in peers
    ]
    for place in range(max(map(len, every), default=0)):
        yield from (ports[place] for ports in every if place < len(ports))


class Check:
    """All connections of one run."""

    def __init__(self, token: str, seconds: float) -> None:
        """Nobody has been asked yet; seconds is what one connection may take."""
        self._token, self._seconds = token, seconds
        self._selector = selectors.DefaultSelector()
        self.seen = Seen()

    def run(self, peers: list[dict[str, Any]]) -> Seen:
        """Ask all of them."""
        waiting = targets(peers)
        with self._selector:
            for target in waiting:
                self._begin(target)
                while len(self._selector.get_map()) >= WINDOW:
                    self._step()
            while self._selector.get_map():
                self._step()
        return self.seen

    def _begin(self, target: Target) -> None:
        connection = socket.socket(socket.AF_INET6 if ":" in target.address else socket.AF_INET)
        connection.setblocking(False)
        # An end without TIME_WAIT: these are the ports that servers want to have in a moment.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        code = connection.connect_ex((target.address, target.port))
        if code not in (0, errno.EINPROGRESS):
            connection.close()
            self.seen.fail(target, os.strerror(code))
            return
        self._selector.register(connection, selectors.EVENT_WRITE, Attempt(target, time.time(), connection))

    def _step(self) -> None:
        for key, _events in self._selector.select(0.2):
            self._advance(key.data)
        now = time.time()
        late = [key.data for key in self._selector.get_map().values() if now - key.data.started > self._seconds]
        for attempt in late:
            silent = (
                "it accepts connections but says nothing" if attempt.connected else "no answer, as behind a firewall"
            )
            self._end(attempt, silent)

    def _advance(self, attempt: Attempt) -> None:
        if not attempt.connected:
            code = attempt.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code or not attempt.target.greets:
                self._end(attempt, os.strerror(code) if code else "")
                return
            attempt.connected = True
            self._selector.modify(attempt.connection, selectors.EVENT_READ, attempt)
            return
        try:
            part = attempt.connection.recv(4096)
        except OSError as error:
            self._end(attempt, error.strerror or str(error))
            return
        attempt.data += part
        if not part or attempt.data.endswith(b"\n"):
            self._end(attempt, self._judge(attempt))

    def _judge(self, attempt: Attempt) -> str:
        told: dict[str, Any] = {}
        with contextlib.suppress(ValueError):
            told = json.loads(attempt.data)
        if told.get("token") != self._token:
            return "something else than this run answers there"
        if told["host"] != attempt.target.host:
            return f"{told['host']} answers at this address"
        now = time.time()
        took = now - attempt.started
        known = self.seen.clocks.get(attempt.target.host)
        if known is None or took < known[1]:
            self.seen.clocks[attempt.target.host] = (told["time"] - (attempt.started + now) / 2, took)
        return ""

    def _end(self, attempt: Attempt, reason: str) -> None:
        self._selector.unregister(attempt.connection)
        attempt.connection.close()
        if reason:
            self.seen.fail(attempt.target, reason)
        else:
            self.seen.reached += 1
