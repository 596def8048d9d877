# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is not of the run cannot stop a host from giving what it has."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release.program import shelf, wire
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.manifest import MARK

WORD = wire.token_of("word")
STRANGER = "127.0.0.77"


class Giver:
    """A host that gives, at 127.0.0.2, to the run of 127.0.0.1 to 127.0.0.3."""

    def __init__(self, folder: Path) -> None:
        """Listen."""
        with socket.create_server(("127.0.0.2", 0)) as free:
            port = free.getsockname()[1]
        self.hosts = [(f"127.0.0.{number}", port) for number in (1, 2, 3)]
        files = shelf.Shelf(4096)
        files.offer(str(folder), [("line", "w.bin", 5 * 4096, bytearray(3 * MARK))])
        self.server = shelf.Server(files, WORD, 1, self.hosts)

    def ask(self, own: int = 2) -> int:
        """Return how many blocks it has, as a host of the run asks it."""
        channel = wire.dial(self.hosts, 1, WORD, own, 2)
        try:
            channel.ask(wire.DONE)
            return channel.answered()[1]
        finally:
            channel.close()

    def stranger(self, address: str = STRANGER) -> socket.socket:
        """Connect from an address."""
        return socket.create_connection(self.hosts[1], 2, (address, 0))


@pytest.fixture
def giver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Giver]:
    """A host that gives, with few places and little patience."""
    monkeypatch.setattr(shelf, "_MOST", 3)
    monkeypatch.setattr(shelf, "_GREETING", 0.5)
    found = Giver(tmp_path)
    yield found
    found.server.close()


def hung_up(connection: socket.socket, seconds: float) -> bool:
    """Return whether the other side ends the connection in time."""
    connection.settimeout(0.05)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError):
            try:
                if not connection.recv(4096):
                    return True
            except ConnectionError:
                return True
    return False


def test_strangers_take_no_place(giver: Giver) -> None:
    strangers = [giver.stranger() for _number in range(10)]
    assert giver.ask() == 3
    assert all(hung_up(one, 2) for one in strangers)


def test_a_host_of_the_run_that_dribbles_its_greeting_is_given_up(giver: Giver) -> None:
    slow = giver.stranger("127.0.0.3")
    begin = time.monotonic()
    gone = False
    while not gone and time.monotonic() - begin < 5:
        try:
            slow.sendall(b"x")
        except OSError:
            gone = True
        time.sleep(0.1)
    assert gone
    assert time.monotonic() - begin < 3


def test_no_free_descriptor_does_not_end_the_listening(giver: Giver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_SILENCE", 0.05)
    real, failures = giver.server._listener, [OSError(errno.EMFILE, "Too many open files")] * 3

    class Listener:
        """Fails a few times."""

        def accept(self) -> tuple[socket.socket, tuple[str, int]]:
            """Fail, or accept."""
            if failures:
                raise failures.pop()
            return real.accept()

        def close(self) -> None:
            """Close it."""
            real.close()

        def fileno(self) -> int:
            """It is open."""
            return 1

    giver.server._listener = Listener()  # type: ignore[assignment]
    # The first ends the call that waits already.
    assert [giver.ask(), giver.ask()] == [3, 3]
    assert failures == []


@pytest.mark.parametrize(("sender", "number", "accepted"), [(2, 1, False), (2, 0, False), (0, 2, False)])
def test_only_what_is_between_two_hosts_is_passed_by(giver: Giver, sender: int, number: int, accepted: bool) -> None:
    channel = wire.dial(giver.hosts, 1, WORD, sender, 2)
    channel.ask(wire.PASS_BY, number=number)
    channel.answered()
    channel.close()
    assert (number in giver.server.passed_by) is accepted


@pytest.mark.parametrize("address", ["::ffff:10.0.0.1", "10.0.0.1"])
def test_an_address_has_one_form(address: str) -> None:
    assert shelf.plain(address) == "10.0.0.1"
    assert shelf.plain("FD00::0001") == shelf.plain("fd00::1%eth0") == "fd00::1"
