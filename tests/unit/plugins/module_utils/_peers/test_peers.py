# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners and whoever connects to them, for real on the loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._peers import connect, listen
from ansible_collections.multinode.sglang.plugins.module_utils._peers.connect import Check
from ansible_collections.multinode.sglang.plugins.module_utils._peers.listen import (
    Wanted,
    bind,
    choices,
    running,
    start,
    stop,
)

HERE = "127.0.0.1"


def free_range(size: int) -> tuple[int, int]:
    """Ports of which none is in use, nor will be by these tests in another process."""
    for first in range(21000 + os.getpid() % 70 * 100, 29000, size):
        bound = [bind(HERE, [port])[0] for port in range(first, first + size)]
        for listener in filter(None, bound):
            listener.close()
        if all(bound):
            return first, first + size - 1
    raise AssertionError("no range of ports is free")


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Listen as host "a" of run "word"; the control socket is this test's own."""
    # Like /run, and unlike the directory of a test, everybody may enter what is above it.
    monkeypatch.setattr(listen, "FOLDER", f"/tmp/multinode.sglang.{os.getpid()}")

    def begin(*intervals: tuple[int, int], seconds: float = 30) -> tuple[int, list[int], dict[str, str]]:
        return start(Wanted("a", "word", HERE, intervals, seconds))

    yield begin
    stop()


def peer(ports: list[int], host: str = "a", **more: Any) -> dict[str, Any]:
    """A peer as the module takes it."""
    return {"host": host, "address": HERE, "token": "word", "ports": ports, "serving": [], "mtu": 0, **more}


def test_of_a_wide_range_three_ports_are_tried() -> None:
    assert [list(ports) for ports in choices([(20000, 20002)])] == [[20000], [20001], [20002]]
    wide = choices([(32768, 60999)])
    assert [ports[0] for ports in wide] == [32768, 46883, 60967]
    assert all(32768 <= port <= 60999 for ports in wide for port in ports)


def test_every_port_answers_with_host_and_time(listening: Any) -> None:
    first, last = free_range(4)
    _process, ports, missed = listening((first, last))
    assert (ports, missed) == ([*range(first, last + 1)], {})
    seen = Check(5).run([peer(ports)])
    assert (seen.reached, seen.failures) == (4, [])
    ahead, took = seen.clocks["a"]
    assert abs(ahead) <= took
    # Nothing stays behind that keeps a server from the port.
    stop()
    with socket.create_server((HERE, first)):
        pass


def test_a_port_in_use_is_told_and_the_rest_is_listened_on(listening: Any) -> None:
    first, last = free_range(2)
    with socket.create_server((HERE, first)):
        _process, ports, missed = listening((first, last))
    assert ports == [last]
    assert missed == {str(first): "Address already in use"}


def test_a_closed_port_another_host_and_another_run_are_failures(listening: Any) -> None:
    first, last = free_range(2)
    _process, ports, _missed = listening((first, first))
    seen = {
        ("Connection refused", ""): Check(5).run([peer([last])]),
        (connect.OTHER_ANSWER, "a"): Check(5).run([peer(ports, host="b")]),
        (connect.OTHER_ANSWER, "another run"): Check(5).run([peer(ports, token="other")]),
    }
    for (reason, other), one in seen.items():
        assert [(failure["reason"], failure["answered_by"]) for failure in one.failures] == [(reason, other)]
        assert one.reached == 0


@pytest.mark.parametrize(
    "answer",
    [
        "5",
        '"token"',
        "hello",
        "null",
        '{"token": "word"}',
        '{"host": "a", "token": "word"}',
        '{"host": "a", "token": "word", "time": "now"}',
        '{"host": "a", "token": "word", "time": 1e999}',
        '{"host": "a", "token": "word", "time": 1' + "0" * 400 + "}",
        "[" * 3000,
    ],
)
def test_an_answer_that_is_no_greeting_is_another_program(answer: str) -> None:
    with socket.create_server((HERE, 0)) as server:

        def greet() -> None:
            connection, _address = server.accept()
            connection.sendall(f"{answer}\n".encode())
            connection.close()

        thread = threading.Thread(target=greet)
        thread.start()
        seen = Check(5).run([peer([server.getsockname()[1]])])
        thread.join()
    assert [(failure["reason"], failure["answered_by"]) for failure in seen.failures] == [
        (connect.OTHER_ANSWER, "another program")
    ]
    assert seen.clocks == {}


def test_whoever_keeps_connections_open_takes_no_place(listening: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "MOST_OPEN", 20)
    first, last = free_range(1)
    _process, ports, _missed = listening((first, last))
    with contextlib.ExitStack() as stack:
        for _number in range(100):
            stack.enter_context(socket.create_connection((HERE, first)))
        seen = Check(5).run([peer(ports)])
    assert (seen.reached, seen.failures) == (1, [])


def test_a_connection_that_stays_open_is_ended(listening: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "IDLE_SECONDS", 0.1)
    first, last = free_range(1)
    listening((first, last))
    with socket.create_connection((HERE, first), timeout=5) as connection:
        assert connection.recv(4096).startswith(b"{")
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""


def test_only_root_stops_or_replaces_the_listeners(listening: Any) -> None:
    listening(free_range(1))
    assert stat.S_IMODE(os.stat(listen.FOLDER).st_mode) == 0o700
    assert stop()
    assert not os.path.exists(listen.FOLDER)


def test_listeners_that_were_killed_are_in_nobodys_way(listening: Any) -> None:
    process, _ports, _missed = listening(free_range(1))
    os.kill(process, signal.SIGKILL)
    while running():
        time.sleep(0.01)
    assert not stop()
    listening(free_range(1))
    assert running()


def test_a_clock_that_is_set_meanwhile_fails_nobody(listening: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, last = free_range(1)
    _process, ports, _missed = listening((first, last))
    clock = iter(range(0, 10**9, 3600))
    monkeypatch.setattr(connect.time, "time", lambda: float(next(clock)))
    assert Check(5).run([peer(ports)]).reached == 1


def test_an_answer_without_an_end_is_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "MOST", 10)
    with socket.create_server((HERE, 0)) as server:

        def greet() -> None:
            with server.accept()[0] as connection, contextlib.suppress(OSError):
                while True:
                    connection.sendall(b"x" * 100)

        thread = threading.Thread(target=greet)
        thread.start()
        seen = Check(5).run([peer([server.getsockname()[1]])])
        thread.join()
    assert [failure["reason"] for failure in seen.failures] == [connect.OTHER_ANSWER]


def test_of_a_server_that_runs_already_a_connection_is_enough() -> None:
    with socket.create_server((HERE, 0)) as server:
        port = server.getsockname()[1]
        assert Check(5).run([peer([], serving=[port])]).reached == 1
        silent = Check(0.3).run([peer([port])])
    assert [failure["reason"] for failure in silent.failures] == [connect.NO_GREETING]


def test_more_connections_than_the_window_take_turns(listening: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "WINDOW", 3)
    _process, ports, _missed = listening(free_range(10))
    assert Check(5).run([peer(ports), peer(ports)]).reached == 20


def test_the_next_listeners_replace_those_that_were_left(listening: Any) -> None:
    interval = free_range(2)
    process, _ports, _missed = listening(interval)
    assert stop()
    assert not running()
    assert not stop()
    again, ports, _missed = listening(interval)
    assert again != process
    assert len(ports) == 2


def test_listeners_end_by_themselves(listening: Any) -> None:
    _process, ports, _missed = listening(free_range(1), seconds=0.2)
    deadline = time.monotonic() + 5
    while running():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with socket.create_server((HERE, ports[0])):
        pass


def test_every_port_is_free_as_soon_as_the_control_socket_is_gone(listening: Any) -> None:
    first, last = free_range(60)
    for _round in range(10):
        listening(*((port, port) for port in range(first, last + 1)), seconds=0.02)
        while running():
            pass
        for port in range(first, last + 1):
            socket.create_server((HERE, port)).close()
