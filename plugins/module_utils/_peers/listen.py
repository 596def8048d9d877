# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Temporary listeners on the ports that servers will use; they send their host and time. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import selectors
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .._base.intervals import Interval
from .connect import NO_LINGER

# Nobody but root reaches it or can take its place. A host has only one.
FOLDER = "/run/multinode.sglang"
# What each connection may take: whoever reaches a port may keep it open.
IDLE_SECONDS, MOST_OPEN = 5.0, 512
NOBODY = 65534
# Of a wider range, three ports are used: near its start, middle and end.
WIDEST, TRIED = 16, 32
BACKLOG = 1024


@dataclass(frozen=True)
class Wanted:
    """Who listens where. token: by which peers recognize them, no secret. seconds: when they end by themselves."""

    host: str
    token: str
    address: str
    intervals: tuple[Interval, ...]
    seconds: float

    def banner(self) -> bytes:
        """Return what is sent on each connection."""
        return json.dumps({"host": self.host, "token": self.token, "time": time.time()}).encode() + b"\n"


def choices(intervals: Iterable[Interval]) -> list[range]:
    """Return the candidate ports of each listener, which takes the first free one."""
    found = []
    for first, last in intervals:
        if last - first < WIDEST:
            found += [range(port, port + 1) for port in range(first, last + 1)]
        else:
            ends = (first, (first + last) // 2, last - TRIED)
            found += [range(max(begin, first), min(begin + TRIED, last + 1)) for begin in ends]
    return found


def bind(address: str, ports: Iterable[int]) -> tuple[socket.socket | None, str]:
    """Return a socket that listens on the first free port, or the reason why there is none."""
    reason = ""
    for port in ports:
        listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            reason = error.strerror or str(error)
            if error.errno == errno.EADDRNOTAVAIL:
                break
        else:
            listener.setblocking(False)
            return listener, ""
    return None, reason


def _control() -> str:
    return f"{FOLDER}/peer_listen"


def running() -> bool:
    """Return whether listeners of this collection run on the host."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
        return control.connect_ex(_control()) == 0


def stop(seconds: float = 3) -> bool:
    """Stop the listeners of the host; return whether there were any."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
        found = control.connect_ex(_control()) == 0
        if found:
            control.send(b"stop")
    deadline = time.monotonic() + seconds
    while found and running():
        if time.monotonic() > deadline:
            process = f"the process that 'ss --unix --processes' shows with {_control()}"
            raise TimeoutError(f"the listeners of an earlier run do not stop; wait for their timeout, or end {process}")
        time.sleep(0.02)
    _forget()
    return found


def _forget() -> None:
    """Remove the socket of listeners that have ended, which they may not do themselves."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_control())
        os.rmdir(FOLDER)


def start(wanted: Wanted) -> tuple[int, list[int], dict[str, str]]:
    """Listen in the background; return the process, its ports, and the first port of each range without -> reason."""
    listeners, missed = [], {}
    for ports in choices(wanted.intervals):
        listener, reason = bind(wanted.address, ports)
        if listener is None:
            missed[str(ports[0])] = reason
        else:
            listeners.append(listener)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    _forget()
    os.makedirs(FOLDER, 0o700, exist_ok=True)
    control.bind(_control())
    process = _in_background(wanted, listeners, control)
    found = sorted({listener.getsockname()[1] for listener in listeners})
    for entry in (*listeners, control):
        entry.close()
    return process, found, missed


def _in_background(wanted: Wanted, listeners: list[socket.socket], control: socket.socket) -> int:
    receiving, sending = os.pipe()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os.close(sending)
        with os.fdopen(receiving) as pipe:
            return int(pipe.read())
    os.setsid()
    process = os.fork()
    if process:
        os.write(sending, str(process).encode())
        os._exit(0)
    os.close(sending)
    with open(os.devnull, "r+b") as nothing:
        # Ansible waits until the module's output is closed, and must not wait for this process.
        for descriptor in range(3):
            os.dup2(nothing.fileno(), descriptor)
    try:
        _become_nobody()
        serve(wanted, listeners, control)
    finally:
        # Before the control socket, whose end means that the ports are free; an exit closes them in any order.
        for listener in listeners:
            listener.close()
        os._exit(0)


def _become_nobody() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    os.chdir("/")


def serve(wanted: Wanted, listeners: list[socket.socket], control: socket.socket) -> None:
    """Answer until the control socket receives a message, or until the time is over."""
    deadline = time.monotonic() + wanted.seconds
    with selectors.DefaultSelector() as selector:
        for entry in (*listeners, control):
            selector.register(entry, selectors.EVENT_READ)
        answered = Answered(selector)
        while time.monotonic() < deadline:
            for key, _events in selector.select(min(1.0, max(0.0, deadline - time.monotonic()))):
                found: Any = key.fileobj
                if found is control:
                    return
                if found in listeners:
                    answered.greet(found, wanted.banner())
                else:
                    # The peer closes first, so that no port of this host stays in TIME_WAIT.
                    answered.drop(found)
            answered.expire()


class Answered:
    """The connections that have their answer and are still open, the oldest first."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        """Begin with none."""
        self._selector = selector
        self._open: dict[socket.socket, float] = {}

    def greet(self, listener: socket.socket, banner: bytes) -> None:
        """Answer one connection, at the expense of the oldest where there are too many."""
        if len(self._open) >= MOST_OPEN:
            self.drop(next(iter(self._open)))
        try:
            connection, _peer = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE) and self._open:
                self.drop(next(iter(self._open)))
            return
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ)
        self._open[connection] = time.monotonic() + IDLE_SECONDS
        with contextlib.suppress(OSError):
            connection.send(banner)

    def drop(self, connection: socket.socket) -> None:
        """End a connection. Without TIME_WAIT: servers need these ports in a moment."""
        self._open.pop(connection, None)
        self._selector.unregister(connection)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        connection.close()

    def expire(self) -> None:
        """End connections that others keep open."""
        now = time.monotonic()
        while self._open and next(iter(self._open.values())) < now:
            self.drop(next(iter(self._open)))
