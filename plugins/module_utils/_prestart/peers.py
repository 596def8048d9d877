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
import time

from .._base.text import first_few
from . import Refusal
from .gate import Gate
from .hello import Peers, answer, receive_line, refusal_in, say

RETRY_SECONDS = 1.0


def lead(peers: Peers) -> None:
    """Wait until every other rank has connected, then let all go."""
    family = socket.AF_INET6 if ":" in peers.leader[0] else socket.AF_INET
    ranks = set(range(1, len(peers.addresses)))
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(peers.leader)
        server.listen(128)
        with contextlib.closing(Gate(peers, server)) as gate:
            while ranks - set(gate.present):
                names = first_few(peers.name(rank) for rank in sorted(ranks - set(gate.present)))
                if peers.expired():
                    fix = gate.refusal or "start their units, and check that they reach this address and port"
                    raise Refusal(f"no connection within {peers.timeout:.0f} s from {names}; {fix}")
                peers.progress(f"waiting for {names}")
                gate.turn(RETRY_SECONDS)
    for connection in gate.present.values():
        answer(connection, "")


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
