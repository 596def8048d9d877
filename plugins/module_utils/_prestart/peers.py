# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All ranks of an instance start together, with the same deployment: rank 0 lets them go."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import socket
import sys
import time
from collections.abc import Sequence

from .._base.text import first_few
from . import Refusal

PROGRESS_SECONDS = 15
RETRY_SECONDS = 1.0
# What a line of another program leads to: whoever reaches the port may send infinite numbers or deep lists.
MALFORMED = (ValueError, KeyError, TypeError, OverflowError, RecursionError)


def say(text: str) -> None:
    """Print a line at once: it goes to the journal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Peers:
    """The ranks of the instance, and how long to wait for them."""

    def __init__(self, leader: str, ranks: Sequence[str], rank: int, timeout: float, digest: str) -> None:
        """Take the arguments of the command apart."""
        host, _unused, port = leader.rpartition(":")
        self.leader = (host.strip("[]"), int(port))
        self.names = [text.partition("=")[0] for text in ranks]
        self.addresses = [text.partition("=")[2] for text in ranks]
        self.rank = rank
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout
        self.digest = digest
        self.next_progress = time.monotonic() + PROGRESS_SECONDS

    def name(self, rank: int) -> str:
        """Return how a rank is called in messages."""
        return f"rank {rank} ({self.names[rank]}, {self.addresses[rank]})"

    def progress(self, text: str) -> None:
        """Print a line about every 15 seconds."""
        now = time.monotonic()
        if now >= self.next_progress:
            self.next_progress = now + PROGRESS_SECONDS
            say(f"{text}, {self.deadline - now:.0f} s left")

    def expired(self) -> bool:
        """Return whether the time is over."""
        return time.monotonic() >= self.deadline


def receive_line(connection: socket.socket) -> str:
    """Return one line from the other side, empty if it closed."""
    data = b""
    while not data.endswith(b"\n") and len(data) < 4096:
        chunk = connection.recv(1024)
        if not chunk:
            break
        data += chunk
    return data.decode("utf-8", "replace").strip()


def check_hello(peers: Peers, address: str, line: str) -> tuple[int, str]:
    """Return the rank that a hello comes from and why it is refused, empty if it is welcome."""
    try:
        hello = json.loads(line)
        rank, digest = int(hello["rank"]), str(hello["digest"])
    except MALFORMED:
        return -1, f"{address} sent something else than a rank of this collection does"
    if not 0 < rank < len(peers.addresses) or peers.addresses[rank] != address:
        return -1, f"{address} is not rank {rank} of this instance in the plan of {peers.names[0]}; deploy again"
    if digest != peers.digest:
        return rank, (
            f"{peers.name(rank)} has a different deployment than {peers.name(0)}; "
            "deploy again, so that all ranks have the same one"
        )
    return rank, ""


def answer(connection: socket.socket, refusal: str) -> None:
    """Let a follower go, or send it why not; one that has ended already tries again by itself."""
    with contextlib.suppress(OSError):
        connection.sendall((json.dumps({"refusal": refusal}) + "\n").encode())
    connection.close()


def accept_rank(peers: Peers, server: socket.socket, present: dict[int, socket.socket]) -> str:
    """Accept one connection; return why it was refused."""
    connection, peer = server.accept()
    connection.settimeout(5)
    try:
        line = receive_line(connection)
    except OSError:
        connection.close()
        return ""
    rank, refusal = check_hello(peers, peer[0], line)
    if refusal:
        say(refusal)
        answer(connection, refusal)
        return refusal if rank > 0 else ""
    if rank in present:
        present.pop(rank).close()
    present[rank] = connection
    return ""


def lead(peers: Peers) -> None:
    """Wait until every other rank has connected, then let all go."""
    family = socket.AF_INET6 if ":" in peers.leader[0] else socket.AF_INET
    missing = set(range(1, len(peers.addresses)))
    present: dict[int, socket.socket] = {}
    refusal = ""
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(peers.leader)
        server.listen(128)
        while missing - set(present):
            names = first_few(peers.name(rank) for rank in sorted(missing - set(present)))
            if peers.expired():
                fix = refusal or "start their units, and check that they reach this address and port"
                raise Refusal(f"no connection within {peers.timeout:.0f} s from {names}; {fix}")
            peers.progress(f"waiting for {names}")
            ready = select.select([server, *present.values()], [], [], RETRY_SECONDS)[0]
            for rank in [rank for rank, connection in present.items() if connection in ready]:
                # A waiting follower sends nothing: what can be read is its end.
                present.pop(rank).close()
            if server in ready:
                refusal = accept_rank(peers, server, present) or refusal
    for connection in present.values():
        answer(connection, "")


def refusal_in(line: str) -> str:
    """Return why the leader refuses this rank, empty if it lets it go; raise OSError where another program answers."""
    try:
        return str(json.loads(line)["refusal"])
    except MALFORMED:
        raise OSError("another program answers there") from None


def ask_leader(peers: Peers) -> bool:
    """Connect once and wait for the leader; return whether it let this rank go."""
    own = peers.addresses[peers.rank]
    with socket.create_connection(peers.leader, timeout=5, source_address=(own, 0)) as connection:
        connection.sendall((json.dumps({"rank": peers.rank, "digest": peers.digest}) + "\n").encode())
        while not select.select([connection], [], [], RETRY_SECONDS)[0]:
            peers.progress(f"{peers.name(0)} waits for other ranks")
            if peers.expired():
                return False
        line = receive_line(connection)
    if not line:
        return False
    refusal = refusal_in(line)
    if refusal:
        raise Refusal(refusal)
    return True


def follow(peers: Peers) -> None:
    """Try to reach the leader until it lets this rank go."""
    last = "it closed the connection"
    while not peers.expired():
        try:
            if ask_leader(peers):
                return
        except OSError as error:
            last = error.strerror or str(error)
        peers.progress(f"waiting for {peers.name(0)} at port {peers.leader[1]}: {last}")
        time.sleep(RETRY_SECONDS)
    raise Refusal(
        f"{peers.name(0)} did not start this instance within {peers.timeout:.0f} s (port {peers.leader[1]}: {last}); "
        "start its unit, and check that this host reaches that port"
    )


def check(args: argparse.Namespace) -> None:
    """Wait, bounded, until every rank of the instance is about to start."""
    peers = Peers(args.leader, args.ranks, args.rank, args.timeout, os.environ.get("SGLANG_INSTANCE_DIGEST", ""))
    if len(peers.addresses) > 1:
        (lead if args.rank == 0 else follow)(peers)
        say(f"all {len(peers.addresses)} ranks are present")
