# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ranks of an instance say to each other before a start, and what others may say to them."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
from collections.abc import Sequence

from .._base.text import clean

PROGRESS_SECONDS = 15
# What one line may take, in seconds and bytes.
HELLO_SECONDS, HELLO_BYTES = 5.0, 4096
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
    """Return one line from the other side, what there is of it if it closed; raise OSError where it takes too long."""
    data, deadline = b"", time.monotonic() + HELLO_SECONDS
    while not data.endswith(b"\n") and len(data) < HELLO_BYTES:
        # Of the whole line: a limit of the socket would be one for each byte.
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        chunk = connection.recv(HELLO_BYTES)
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
        # A line of this size fits into the buffer of the socket, so it waits for nobody.
        connection.send((json.dumps({"refusal": refusal}) + "\n").encode())
    connection.close()


def refusal_in(line: str) -> str:
    """Return why the leader refuses this rank, empty if it lets it go; raise OSError where another program answers."""
    try:
        return clean(str(json.loads(line)["refusal"])[:1000])
    except MALFORMED:
        raise OSError("another program answers there") from None
