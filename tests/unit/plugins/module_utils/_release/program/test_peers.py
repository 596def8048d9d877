# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A chain of hosts: the source is read once, and whatever one host does, the others get what they must."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release.program import origin, peers, shelf, wire
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.chain import Plan
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.store import Store
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.verify import verify

from .conftest import bring, prove

BLOCK = 32 << 10
FILES = 4
SIZE = 4 << 20
RATE = 6 << 20
TOKEN = "a token of the run"  # noqa: S105


class Nic:
    """Lets so many bytes pass in a second."""

    def __init__(self, rate: float) -> None:
        """Start full."""
        self.rate, self.free, self.lock = rate, 0.0, threading.Lock()

    def take(self, size: int) -> None:
        """Wait until it is the turn of some bytes."""
        with self.lock:
            now = time.monotonic()
            self.free = max(self.free, now) + size / self.rate
            wait = self.free - now
        time.sleep(wait)


class Dead(Refused):
    """What a host that is killed says."""


class Lab:
    """Hosts in threads; each sends through a card of its own, and so does the source."""

    def __init__(self, folder: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand between the hosts and their sockets."""
        self.folder, self.count = folder, count
        self.source = folder / "source"
        self.source.mkdir()
        for number in range(FILES):
            (self.source / f"{number}.bin").write_bytes(os.urandom(SIZE // FILES))
        prove(self.source)
        self.stores = [Store(str(folder / f"host{number}")) for number in range(count)]
        self.tx = [Nic(RATE) for _host in range(count)]
        self.rx = [Nic(RATE) for _host in range(count)]
        self.source_nic = Nic(RATE)
        self.sent = [0] * count
        self.read = [0] * count
        self.dead: set[int] = set()
        self.at: Callable[[int, bytearray], None] = lambda _host, _data: None
        self.linger, self.grace = 0.7, 2.0
        self.plans: list[Plan] = []
        # Hosts whose card gets its full rate when all others are done, so that the test need not wait for them.
        self.relieved: set[int] = set()
        self.port = free_port()
        self.tokens = [TOKEN] * count
        self._patch(monkeypatch)

    def _patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lab, read, ask, reply = self, origin.Blocks.read, peers._FromPeers._ask, shelf.Server._reply

        def send(server: shelf.Server, connection: socket.socket, descriptor: int, offset: int, length: int) -> None:
            data = bytearray(os.pread(descriptor, length, offset))
            lab.at(server._own, data)
            lab.refuse(server)
            lab.tx[server._own].take(length)
            connection.sendall(data)
            lab.sent[server._own] += length

        def from_source(blocks: Any, view: memoryview, length: int, index: int) -> bytes:
            if isinstance(blocks._source, peers.Peers):
                host = blocks._source.chain.plan.own
                lab.live(host)
                lab.source_nic.take(length)
                lab.read[host] += length
            return read(blocks, view, length, index)

        def from_peer(blocks: Any, number: int, view: memoryview, length: int, index: int) -> bytes:
            host = blocks._peers.chain.plan.own
            lab.live(host)
            mark = ask(blocks, number, view, length, index)
            if mark:
                lab.rx[host].take(length)
            return mark

        def answer(server: shelf.Server, *words: Any) -> None:
            lab.refuse(server)
            reply(server, *words)

        monkeypatch.setattr(shelf.Server, "send", send)
        monkeypatch.setattr(shelf.Server, "_reply", answer)
        monkeypatch.setattr(origin.Blocks, "read", from_source)
        monkeypatch.setattr(peers._FromPeers, "_ask", from_peer)

    def refuse(self, server: shelf.Server) -> None:
        """Hang up where a host was killed."""
        if server._own in self.dead:
            server.close()
            raise ConnectionError("dead")

    def live(self, host: int) -> None:
        """End a host that was killed."""
        if host in self.dead:
            raise Dead("killed")

    def plan(self, host: int) -> Plan:
        """What a host is told."""
        hosts = [(f"127.0.0.{number + 1}", self.port) for number in range(self.count)]
        self.plans.append(Plan(self.tokens[host], host, hosts, grace=self.grace, linger=self.linger, look=0.1))
        return self.plans[-1]

    def run(self, start: Callable[[int], float] = lambda _host: 0) -> tuple[list[dict[str, Any]], list[float]]:
        """Run all hosts; what each says, and the seconds until it was verified."""
        seconds = [0.0] * self.count
        begin = time.monotonic()

        def host(number: int) -> dict[str, Any]:
            time.sleep(start(number))
            try:
                return bring(self.stores[number], self.source, block=BLOCK, plan=self.plan(number), threads=FILES)
            except Refused as refusal:
                return {"msg": str(refusal)}

        with ThreadPoolExecutor(self.count) as pool:
            watch = threading.Thread(target=self._watch, args=(begin, seconds), daemon=True)
            watch.start()
            futures: list[Future[dict[str, Any]]] = [pool.submit(host, number) for number in range(self.count)]
            return [future.result() for future in futures], seconds

    def _watch(self, begin: float, seconds: list[float]) -> None:
        done: set[int] = set()
        while len(done | self.dead) < self.count:
            for number, store in enumerate(self.stores):
                if number not in done and store.digests():
                    seconds[number] = time.monotonic() - begin
                    done.add(number)
            if len(done | self.relieved) == self.count:
                for number in self.relieved:
                    self.rx[number].rate = self.tx[number].rate = RATE
            time.sleep(0.01)
        # Nobody asks any more, so nobody has to wait for that.
        for plan in self.plans:
            plan.linger = 0

    def check(self, results: list[dict[str, Any]], lost: frozenset[int] = frozenset()) -> None:
        """Assert that every host that lives has the same release, and that it is right."""
        living = [number for number in range(self.count) if number not in lost]
        assert {results[number].get("digest", results[number]) for number in living} == {results[living[0]]["digest"]}
        for number in living:
            assert verify(self.stores[number], results[number]["digest"], full=True).ok
        assert all("killed" in results[number]["msg"] for number in lost)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def make_lab(quick: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Lab]:
    """Make some hosts."""
    monkeypatch.setattr(peers, "_PATIENCE", 1.0)
    return lambda count: Lab(quick, count, monkeypatch)


def test_the_source_is_read_once_and_nobody_waits_for_the_whole(make_lab: Callable[[int], Lab]) -> None:
    lab = make_lab(6)
    results, seconds = lab.run()
    lab.check(results)
    assert sum(lab.read) == lab.read[0] == SIZE
    # Who starts before the host before it has its first blocks from the one before that.
    assert sum(lab.sent) == 5 * SIZE
    assert max(lab.sent[:5]) <= SIZE + 2 * FILES * BLOCK
    assert lab.sent[5] == 0
    assert [result["received_bytes"] for result in results] == [0] + [SIZE] * 5
    # Copies one after the other would take six times as long.
    assert max(seconds) < 4 * SIZE / RATE
    assert not [result["blamed"] for result in results if "blamed" in result]


def lying(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the first host give other bytes than the source has, and marks to go with them."""
    real = origin.Blocks.read

    def read(blocks: Any, view: memoryview, length: int, index: int) -> bytes:
        mark = real(blocks, view, length, index)
        if isinstance(blocks._source, peers.Peers) and blocks._source.chain.plan.own == 0:
            view[length - 1] ^= 1
        return mark

    monkeypatch.setattr(origin.Blocks, "read", read)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_host_that_lies_gives_its_bytes_to_nobody(
    make_lab: Callable[[int], Lab], monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    lab = make_lab(count)
    shutil.rmtree(lab.source / ".cache")
    lying(lab, monkeypatch)
    results, _seconds = lab.run()
    # The witness has read the source itself.
    (digest,) = lab.stores[-1].digests()
    assert {tuple(store.digests()) for store in lab.stores[:-1]} == {()}
    for result in results[:-1]:
        assert f"127.0.0.{count} reads another release from {lab.source} ({digest}) than this host" in result["msg"]
    lab.tokens, lab.port = [f"{TOKEN} again"] * count, free_port()
    monkeypatch.undo()
    lab._patch(monkeypatch)
    results, _seconds = lab.run()
    lab.check(results)


def test_without_a_list_of_sums_the_last_host_reads_the_source_too(make_lab: Callable[[int], Lab]) -> None:
    lab = make_lab(4)
    shutil.rmtree(lab.source / ".cache")
    results, _seconds = lab.run()
    lab.check(results)
    assert lab.read == [SIZE, 0, 0, SIZE]


def test_without_a_witness_each_host_reads_what_nothing_proves(make_lab: Callable[[int], Lab]) -> None:
    lab = make_lab(3)
    shutil.rmtree(lab.source / ".cache")
    lab.grace = 0.5
    lab.dead.add(2)
    results, _seconds = lab.run()
    lab.check(results, frozenset({2}))
    assert lab.read == [2 * SIZE, SIZE, 0]


def at_half(lab: Lab, host: int, action: Callable[[bytearray], None]) -> None:
    """Have a host do something from when it has sent a half."""

    def act(number: int, data: bytearray) -> None:
        if number == host and lab.sent[number] > SIZE // 2:
            action(data)

    lab.at = act


@pytest.mark.parametrize("victim", [0, 2])
def test_a_host_that_dies(make_lab: Callable[[int], Lab], victim: int) -> None:
    lab = make_lab(5)
    at_half(lab, victim, lambda _data: lab.dead.add(victim))
    results, _seconds = lab.run()
    lab.check(results, frozenset({victim}))
    # What the first host has given is not read again, what it has read and not given must be.
    assert sum(lab.read[1:]) <= (SIZE - lab.sent[0] + FILES * BLOCK if victim == 0 else 0)
    assert f"127.0.0.{victim + 1}" in results[victim + 1]["blamed"]


def test_a_host_that_sends_damaged_blocks(make_lab: Callable[[int], Lab]) -> None:
    lab = make_lab(5)

    def damage(data: bytearray) -> None:
        data[7] ^= 1

    at_half(lab, 2, damage)
    results, _seconds = lab.run()
    lab.check(results)
    assert "sent a damaged block" in results[3]["blamed"]["127.0.0.3"]
    assert "blamed" not in results[4]
    assert sum(lab.read) == SIZE


def test_a_host_that_says_nothing_any_more(make_lab: Callable[[int], Lab]) -> None:
    lab, over = make_lab(4), threading.Event()
    lab.linger = 2
    at_half(lab, 1, lambda _data: over.wait(20) and None)
    results, _seconds = lab.run()
    over.set()
    lab.check(results)
    assert results[2]["blamed"]["127.0.0.2"] in {"timed out", "slow"}
    assert sum(lab.read) == SIZE


@pytest.mark.parametrize("way", ["receives", "sends"])
def test_a_slow_host_does_not_hold_the_others_back(make_lab: Callable[[int], Lab], way: str) -> None:
    lab = make_lab(6)
    lab.linger = 2
    lab.relieved = {2}
    (lab.rx if way == "receives" else lab.tx)[2].rate = RATE / 8
    results, seconds = lab.run()
    lab.check(results)
    # It would take eight times as long with everybody behind it.
    others = [seconds[number] for number in range(6) if number != 2]
    assert max(others) < 6 * SIZE / RATE
    assert sum(lab.read) <= 1.1 * SIZE
    assert "slow" in [why for result in results for why in result.get("blamed", {}).values()]


@pytest.mark.parametrize(("part", "readers"), [(1 / 2, 1), (1 / 8, 2)])
def test_a_source_that_is_faster_than_the_network_is_read_again_only_if_that_is_worth_it(
    make_lab: Callable[[int], Lab], part: float, readers: int
) -> None:
    lab = make_lab(2)
    lab.linger = 2
    lab.source_nic.rate = RATE / 2
    lab.tx[0].rate = part * RATE / 2
    results, _seconds = lab.run()
    lab.check(results)
    assert sum(count > 0 for count in lab.read) == readers
    assert results[1].get("blamed", {}) == ({"127.0.0.1": "slow"} if readers == 2 else {})


def test_a_slow_last_host_harms_nobody(make_lab: Callable[[int], Lab]) -> None:
    lab = make_lab(4)
    lab.linger = 2
    lab.relieved = {3}
    lab.rx[3].rate = RATE / 8
    results, seconds = lab.run()
    lab.check(results)
    assert max(seconds[:3]) < 6 * SIZE / RATE
    assert sum(lab.read) <= 1.1 * SIZE


def test_hosts_that_start_one_after_the_other(make_lab: Callable[[int], Lab]) -> None:
    lab = make_lab(5)
    results, _seconds = lab.run(lambda number: 0.15 * (5 - number))
    lab.check(results)
    assert sum(lab.read) == lab.read[0] == SIZE


def test_a_host_that_nobody_answers_reads_the_source(make_lab: Callable[[int], Lab]) -> None:
    lab = make_lab(3)
    lab.tokens[1], lab.grace = "another token", 0.8
    results, _seconds = lab.run()
    lab.check(results)
    assert lab.read == [SIZE, SIZE, 0]
    assert lab.sent == [SIZE, 0, 0]


def test_a_host_that_has_it_already_gives_it(make_lab: Callable[[int], Lab]) -> None:
    lab = make_lab(3)
    bring(lab.stores[0], lab.source, block=BLOCK)
    results, _seconds = lab.run()
    lab.check(results)
    assert lab.read == [0, 0, 0]
    assert results[0]["changed"] is False


def test_a_port_that_is_taken_is_named(make_lab: Callable[[int], Lab]) -> None:
    lab = make_lab(1)
    with (
        socket.create_server(("127.0.0.1", lab.port)),
        pytest.raises(Refused, match=f"port {lab.port} of 127.0.0.1 cannot be used: Address"),
    ):
        bring(lab.stores[0], lab.source, plan=lab.plan(0))


class Wire:
    """Two ends of a connection, and somebody between them."""

    def __init__(self, tokens: tuple[str, str] = (TOKEN, TOKEN), change: int = -1) -> None:
        """Carry bytes, with the n-th from the client changed."""
        (self.client, left), (right, self.server) = socket.socketpair(), socket.socketpair()
        for end in (self.client, self.server):
            end.settimeout(5)
        self.tokens = tokens
        threading.Thread(target=self._carry, args=(left, right, change), daemon=True).start()
        threading.Thread(target=self._carry, args=(right, left, -1), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket, change: int) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := bytearray(source.recv(4096)):
                if passed <= change < passed + len(data):
                    data[change - passed] ^= 1
                passed += len(data)
                target.sendall(data)
        target.close()

    def greet(self) -> tuple[wire.Channel, wire.Channel]:
        """Make the channel of both ends."""
        with ThreadPoolExecutor(2) as pool:
            client, server = (
                pool.submit(wire.Channel, end, wire.token_of(token), number, server=bool(number))
                for number, (end, token) in enumerate(zip((self.client, self.server), self.tokens, strict=True))
            )
            return client.result(), server.result()


def test_both_ends_understand_each_other() -> None:
    client, server = Wire().greet()
    assert (client.other, server.other) == (1, 0)
    client.ask(wire.READ, b"12345678", 1 << 40)
    assert server.asked() == (wire.READ, b"12345678", 1 << 40)
    server.answer(wire.BLOCK, 5, b"m" * 32)
    assert client.answered() == (wire.BLOCK, 5, b"m" * 32)


def test_who_does_not_know_the_token_is_turned_away() -> None:
    with pytest.raises(wire.Distrusted, match="does not know the token"):
        Wire(tokens=(TOKEN, "guessed")).greet()


@pytest.mark.parametrize("place", [0, 10, 25, 30, 59])
def test_a_changed_greeting_is_noticed(place: int) -> None:
    with pytest.raises(wire.Distrusted):
        Wire(change=place).greet()


@pytest.mark.parametrize("place", [0, 5, 16, 20, 32])
def test_a_changed_message_is_noticed(place: int) -> None:
    client, server = Wire(change=60 + place).greet()
    client.ask(wire.READ, b"12345678", 3)
    with pytest.raises(wire.Distrusted, match="changed in transit"):
        server.asked()


def test_a_message_that_is_played_again_is_noticed() -> None:
    (client, server), heard = Wire().greet(), []
    real = client.socket.sendall
    tap = type("Tap", (), {"sendall": staticmethod(lambda data: (heard.append(data), real(data)))})
    client.socket = tap()  # type: ignore[assignment]
    client.ask(wire.READ, b"12345678", 3)
    assert server.asked()[2] == 3
    real(heard[0])
    with pytest.raises(wire.Distrusted, match="changed in transit"):
        server.asked()
