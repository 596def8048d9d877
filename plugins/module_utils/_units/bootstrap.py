# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ranks have registered with the bootstrap servers of prefill instances."""

from __future__ import annotations

import itertools
import json
import math
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException

from .._base.probe import Endpoint
from .._base.text import clean, first_few
from .._plan.types import Bootstrap
from .._plan.words import bootstrap_address

POLL_SECONDS = 0.5
CALL_SECONDS = 5.0
LOOK_SECONDS = 30.0
ROUTE = "/route?prefill_dp_rank={}&prefill_cp_rank={}&target_tp_rank={}&target_pp_rank={}"
# In the order of ROUTE.
SIZES = ("dp_size", "attn_cp_size", "attn_tp_size", "pp_size")
# More ranks than any instance has: the port may belong to anybody.
MOST_RANKS = 4096


class Unreachable(Exception):
    """A bootstrap server gave no answer; the text says how the request ended."""


@dataclass(frozen=True)
class Registered:
    """What a bootstrap server lists. said: its own message where it does not have all ranks yet."""

    ranks: int = 0
    expected: int = 0
    addresses: tuple[str, ...] = ()
    said: str = ""


def _get(server: Endpoint, ranks: tuple[int, ...], deadline: float) -> tuple[int, str]:
    seconds = min(CALL_SECONDS, deadline - time.monotonic())
    if seconds <= 0:
        raise Unreachable("did not end in time")
    try:
        return server.request("GET", ROUTE.format(*ranks), None, seconds)
    except (socket.timeout, TimeoutError) as error:
        raise Unreachable(f"timed out after {CALL_SECONDS:.0f} s") from error
    except ConnectionRefusedError as error:
        raise Unreachable("was refused") from error
    except (OSError, HTTPException) as error:
        raise Unreachable(f"failed: {error}") from error


def ask(one: Bootstrap, deadline: float) -> Registered:
    """Return what the bootstrap server of an instance lists now."""
    server = Endpoint(one.address, one.port, False)
    status, body = _get(server, (-1, -1, -1, -1), deadline)
    if status != 200:
        return Registered(said=f"it answered {status}: {clean(body.strip()[:200]).rstrip('.')}")
    try:
        answer = json.loads(body)
        sizes = [int(answer[name]) for name in SIZES]
        if min(sizes) < 1 or math.prod(sizes) > MOST_RANKS:
            raise ValueError(f"sizes {sizes}")
        wanted = list(itertools.product(*map(range, sizes)))
        answers = [_get(server, ranks, deadline) for ranks in wanted]
        found = [clean(str(json.loads(body)["rank_ip"])) for status, body in answers if status == 200]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        what = clean(f"{type(error).__name__}: {error}"[:200])
        return Registered(said=f"it answered something else than a bootstrap server does ({what})")
    return Registered(len(found), len(wanted), tuple(sorted(set(found))))


def trouble(one: Bootstrap, known: Registered, here: str) -> str:
    """Return the sentence about an instance of which not all ranks have registered, empty if all have."""
    missing = [rank for rank in one.ranks if rank.address not in known.addresses]
    if known.said:
        what = known.said
    elif missing or known.ranks != known.expected:
        absent = first_few((f"{rank.host} ({rank.address})" for rank in missing), separator=" or ")
        what = f"it lists {known.ranks} of {known.expected} ranks" + (f", none of {absent}" if absent else "")
    else:
        return ""
    others = first_few(rank.host for rank in missing if rank.host != one.host)
    fix = f"open TCP port {one.port} on {one.host} for {others}, and " if others else ""
    return (
        f"{here} reaches the bootstrap server of prefill instance {one.instance} "
        f"({bootstrap_address(one)}), but {what}; {fix}see the journal of {one.name} on {others or one.host}"
    )


def blocked(one: Bootstrap, how: str, here: str) -> str:
    """Return the sentence about an instance whose bootstrap server does not answer."""
    return (
        f"{here} does not reach the bootstrap server of prefill instance {one.instance}: GET /route at "
        f"{bootstrap_address(one)} {how}; open TCP port {one.port} on {one.host} for the decode hosts, and check that "
        f"{one.name} runs there"
    )


def wait_for(one: Bootstrap, timeout: float, here: str) -> tuple[Registered, str]:
    """Ask until all ranks have registered or the time is over; return what is known and the sentence about a fault."""
    deadline = time.monotonic() + timeout
    while True:
        known = Registered()
        try:
            # The last look may take as long as the first.
            known = ask(one, max(deadline, time.monotonic()) + LOOK_SECONDS)
            wrong = trouble(one, known, here)
        except Unreachable as error:
            wrong = blocked(one, str(error), here)
        if not wrong or time.monotonic() >= deadline:
            return known, wrong
        time.sleep(POLL_SECONDS)


def wait_for_all(instances: Sequence[Bootstrap], timeout: float, here: str) -> dict[str, tuple[Registered, str]]:
    """Ask all instances at the same time: one that is blocked does not delay the others."""
    if not instances:
        return {}
    with ThreadPoolExecutor(max_workers=min(32, len(instances))) as pool:
        results = pool.map(lambda one: wait_for(one, timeout, here), instances)
        return {one.instance: result for one, result in zip(instances, results)}
