# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give other hosts the blocks that this one has verified, while it still receives the rest."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Sequence

from . import wire
from .errors import Refused
from .journal import key
from .manifest import MARK

# How long a request for a block that is not here yet waits.
_SILENCE = 0.5
_GREETING = 5.0
_MOST = 512


def plain(address: str) -> str:
    """Return an address in the one form that it is compared in."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(getattr(found, "ipv4_mapped", None) or found)


class Shelf:
    """Files by the key of their state at the source, and the blocks of each that are here."""

    def __init__(self, block: int) -> None:
        """Start with nothing."""
        self.block = block
        self.root = ""
        self._offered = False
        self._files: dict[bytes, tuple[str, int, bytearray]] = {}
        self._changed = threading.Condition()

    def offer(self, root: str, files: list[tuple[str, str, int, bytearray]]) -> None:
        """Take the line, path and size of each file, and its marks, which grow as it arrives."""
        with self._changed:
            self.root, self._offered = root, True
            self._files = {key(line): (path, size, marks) for line, path, size, marks in files}

    def hopeless(self, name: bytes) -> bool:
        """Return whether a file will never be here."""
        with self._changed:
            return self._offered and name not in self._files

    def notify(self) -> None:
        """Wake the threads that wait for a block."""
        with self._changed:
            self._changed.notify_all()

    def blocks(self) -> int:
        """Return how many blocks are here."""
        with self._changed:
            return sum(len(marks) // MARK for _path, _size, marks in self._files.values())

    def _look(self, name: bytes, index: int) -> bytes:
        marks = self._files[name][2] if name in self._files else b""
        return bytes(marks[index * MARK : (index + 1) * MARK])

    def wait(self, name: bytes, index: int, seconds: float) -> bytes:
        """Return the mark of a block as soon as it is here, empty if it does not come."""
        with self._changed:
            self._changed.wait_for(lambda: self._look(name, index), seconds)
            return self._look(name, index)

    def open(self, name: bytes, index: int) -> tuple[int, int]:
        """Return a descriptor of a file that has a block, and the length of the block."""
        path, size, _marks = self._files[name]
        for _attempt in range(100):
            try:
                descriptor = os.open(f"{self.root}/{path}", os.O_RDONLY | os.O_CLOEXEC)
                return descriptor, min(self.block, size - index * self.block)
            except FileNotFoundError:
                # It is being published, and is in another directory in a moment.
                time.sleep(0.01)
        raise ConnectionError(f"{path} no longer exists")


class Server:
    """Gives blocks to the other hosts of the run."""

    def __init__(self, shelf: Shelf, token: bytes, own: int, hosts: Sequence[tuple[str, int]]) -> None:
        """Listen, for the hosts of the run; `own` is the number of this one."""
        self._shelf, self._token, self._own = shelf, token, own
        # An address is proof of nothing, but it keeps strangers from the places and from the greeting.
        self._welcome = {plain(host) for host, _port in hosts}
        address = hosts[own]
        self.passed_by: set[int] = set()
        self.patient = True
        # The digest of the release as this host has read it from the source, empty until it has, or if it does not.
        self.vouched = b""
        self.last_use = time.monotonic()
        self._free = threading.Semaphore(_MOST)
        try:
            self._listener = socket.create_server(
                address, family=socket.AF_INET6 if ":" in address[0] else socket.AF_INET, backlog=128
            )
        except OSError as error:
            raise Refused(
                f"port {address[1]} of {address[0]} cannot be used: {error.strerror}; "
                "free it, or set sglang_models_port"
            ) from error
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, other = self._listener.accept()
            except OSError:
                if self._listener.fileno() < 0:
                    return
                # No descriptor is free right now: the hosts that are served give theirs back.
                time.sleep(_SILENCE)
                continue
            if plain(other[0]) in self._welcome and self._free.acquire(blocking=False):
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()
            else:
                connection.close()

    def _talk(self, connection: socket.socket) -> None:
        # A time limit on the socket is one for each byte. This one is for the whole greeting.
        late = threading.Timer(_GREETING, connection.shutdown, (socket.SHUT_RDWR,))
        try:
            late.start()
            connection.settimeout(_GREETING)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            channel = wire.Channel(connection, self._token, self._own, server=True)
            late.cancel()
            connection.settimeout(60)
            while True:
                self._reply(channel, *channel.asked())
        except OSError:
            # The other host connects again if it needs more.
            return
        finally:
            late.cancel()
            connection.close()
            self._free.release()

    def _reply(self, channel: wire.Channel, kind: int, name: bytes, number: int) -> None:
        # Only a host further down the chain has anything to pass by, and only what is between the two.
        if kind == wire.PASS_BY and self._own < number < channel.other:
            self.passed_by.add(number)
        if kind == wire.VOUCH:
            self.last_use = time.monotonic()
            channel.answer(*((wire.VOUCHED, 0, self.vouched) if self.vouched else (wire.WAIT,)))
        elif kind != wire.READ:
            channel.answer(wire.SO_FAR, self._shelf.blocks())
        elif channel.other in self.passed_by:
            channel.answer(wire.MOVED)
        else:
            self.last_use = time.monotonic()
            mark = self._shelf.wait(name, number, _SILENCE if self.patient else 0)
            if mark:
                self._give(channel, name, number, mark)
            else:
                channel.answer(wire.WAIT if self.patient and not self._shelf.hopeless(name) else wire.NEVER)

    def _give(self, channel: wire.Channel, name: bytes, index: int, mark: bytes) -> None:
        descriptor, length = self._shelf.open(name, index)
        try:
            channel.answer(wire.BLOCK, length, mark)
            self.send(channel.socket, descriptor, index * self._shelf.block, length)
        finally:
            os.close(descriptor)

    def send(self, connection: socket.socket, descriptor: int, offset: int, length: int) -> None:
        """Send a part of a file."""
        with open(descriptor, "rb", closefd=False) as handle:
            if connection.sendfile(handle, offset, length) < length:
                raise ConnectionError("the file has become shorter")
