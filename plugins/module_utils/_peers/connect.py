# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connect to the ports of all peers at once, and learn who answers and its time. PRIVATE to the collection."""

from __future__ import annotations

import errno
import json
import math
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .._base.text import clean

# Simultaneous connections: each takes a descriptor, and a login may have 1024.
WINDOW = 256
# A greeting has no more bytes.
MOST = 4096
NO_LINGER = struct.pack("ii", 1, 0)
NO_ANSWER = "no answer, as behind a firewall"
NO_GREETING = "connections are accepted but not answered"
OTHER_ANSWER = "not the listener of this host answers"


@dataclass(frozen=True)
class Target:
    """A port of a peer. token: what its listener sends; None for a server that runs already and sends nothing."""

    host: str
    address: str
    port: int
    token: str | None


@dataclass
class Attempt:
    """A connection that is being made."""

    target: Target
    started: float
    deadline: float
    connection: socket.socket
    connected: bool = False
    data: bytes = b""


@dataclass
class Seen:
    """Ports that answered and failed, and by host how far its clock is ahead and how long its answer took."""

    reached: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    clocks: dict[str, tuple[float, float]] = field(default_factory=dict)

    def fail(self, target: Target, reason: str, answered_by: str = "") -> None:
        """Add a port that failed, and who answers there instead."""
        where = {"host": target.host, "address": target.address, "port": target.port}
        self.failures.append({**where, "reason": reason, "answered_by": answered_by})


def parse_greeting(data: bytes) -> tuple[str, str, float] | None:
    """Return host, token and time in the answer of a listener, None where another program answers."""
    try:
        greeting = json.loads(data)
        host, token, theirs = str(greeting["host"]), str(greeting["token"]), float(greeting["time"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return (host, token, theirs) if math.isfinite(theirs) else None


def targets(peers: list[dict[str, Any]]) -> Iterator[Target]:
    """Yield all ports of all peers, one of each peer in turn, to spread the load over them."""
    every = [
        [
            Target(peer["host"], peer["address"], port, token)
            for name, token in (("ports", peer["token"]), ("serving", None))
            for port in peer[name]
        ]
        for peer in peers
    ]
    for place in range(max(map(len, every), default=0)):
        yield from (ports[place] for ports in every if place < len(ports))


class Check:
    """All connections of one run."""

    def __init__(self, seconds: float) -> None:
        """Prepare; seconds is how long one connection may take."""
        self._seconds = seconds
        self._selector = selectors.DefaultSelector()
        self.seen = Seen()

    def run(self, peers: list[dict[str, Any]]) -> Seen:
        """Connect to all ports of all peers."""
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
        # Close without TIME_WAIT: servers need these ports in a moment.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        # Before it connects: the other side may answer sooner than this process goes on.
        started = time.time()
        code = connection.connect_ex((target.address, target.port))
        if code not in (0, errno.EINPROGRESS):
            connection.close()
            self.seen.fail(target, os.strerror(code))
            return
        # Clocks may be set while this runs: they are compared, and limit nothing.
        attempt = Attempt(target, started, time.monotonic() + self._seconds, connection)
        self._selector.register(connection, selectors.EVENT_WRITE, attempt)

    def _step(self) -> None:
        for key, _events in self._selector.select(0.2):
            self._advance(key.data)
        now = time.monotonic()
        late = [key.data for key in self._selector.get_map().values() if now > key.data.deadline]
        for attempt in late:
            self._end(attempt, NO_GREETING if attempt.connected else NO_ANSWER)

    def _advance(self, attempt: Attempt) -> None:
        if not attempt.connected:
            code = attempt.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code or attempt.target.token is None:
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
        if not part or attempt.data.endswith(b"\n") or len(attempt.data) > MOST:
            self._end(attempt, *self._verify(attempt))

    def _verify(self, attempt: Attempt) -> tuple[str, str]:
        """Return why an answer is not from the peer's listener, and whose it is; empty texts if it is."""
        greeting = parse_greeting(attempt.data)
        if greeting is None:
            return OTHER_ANSWER, "another program"
        host, token, theirs = greeting
        if host != attempt.target.host:
            return OTHER_ANSWER, clean(host[:100])
        if token != attempt.target.token:
            return OTHER_ANSWER, "another run"
        self._compare_clocks(attempt, theirs)
        return "", ""

    def _compare_clocks(self, attempt: Attempt, theirs: float) -> None:
        """Keep the comparison of the fastest answer of a host."""
        now = time.time()
        took = now - attempt.started
        known = self.seen.clocks.get(attempt.target.host)
        if known is None or took < known[1]:
            self.seen.clocks[attempt.target.host] = (theirs - (attempt.started + now) / 2, took)

    def _end(self, attempt: Attempt, reason: str, answered_by: str = "") -> None:
        self._selector.unregister(attempt.connection)
        attempt.connection.close()
        if reason:
            self.seen.fail(attempt.target, reason, answered_by)
        else:
            self.seen.reached += 1
