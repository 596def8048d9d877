# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking the bootstrap servers of prefill instances which ranks have registered. PRIVATE to the collection."""

from __future__ import annotations

import itertools
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from .probe import Server

POLL_SECONDS = 0.5
CALL_SECONDS = 5.0
ROUTE = "/route?prefill_dp_rank={}&prefill_cp_rank={}&target_tp_rank={}&target_pp_rank={}"
# In the order of ROUTE.
SIZES = ("dp_size", "attn_cp_size", "attn_tp_size", "pp_size")


class Unreachable(Exception):
    """A bootstrap server gave no answer; the text says how it failed."""


@dataclass(frozen=True)
class Prefill:
    """A prefill instance as the plan has it. hosts: address to name."""

    instance: str
    host: str
    address: str
    port: int
    hosts: tuple[tuple[str, str], ...]

    @classmethod
    def from_plan(cls, item: dict[str, Any]) -> Prefill:
        """Take a prefill instance of the plan."""
        hosts = tuple((rank["address"], rank["host"]) for rank in item["ranks"])
        return cls(item["instance"], item["host"], item["address"], int(item["port"]), hosts)

    @property
    def where(self) -> str:
        """Return where its bootstrap server listens."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Registered:
    """What a bootstrap server knows. said: its own words where it does not have all ranks yet."""

    ranks: int = 0
    expected: int = 0
    addresses: tuple[str, ...] = ()
    said: str = ""


def _get(server: Server, ranks: tuple[int, ...]) -> tuple[int, str]:
    try:
        return server.request("GET", ROUTE.format(*ranks), None, CALL_SECONDS)
    except (socket.timeout, TimeoutError) as error:
        raise Unreachable(f"timed out after {CALL_SECONDS:.0f} s") from error
    except ConnectionRefusedError as error:
        raise Unreachable("was refused") from error
    except (OSError, HTTPException) as error:
        raise Unreachable(f"failed: {error}") from error


def ask(prefill: Prefill) -> Registered:
    """Return what the bootstrap server of an instance knows now."""
    server = Server(prefill.address, prefill.port, False, "")
    status, body = _get(server, (-1, -1, -1, -1))
    if status != 200:
        return Registered(said=f"it answered {status}: {body.strip()[:200].rstrip('.')}")
    try:
        answer = json.loads(body)
        wanted = list(itertools.product(*(range(int(answer[name])) for name in SIZES)))
        answers = [_get(server, ranks) for ranks in wanted]
        found = [str(json.loads(body)["rank_ip"]) for status, body in answers if status == 200]
    except (ValueError, KeyError, TypeError) as error:
        return Registered(
            said=f"it answered something else than a bootstrap server does ({type(error).__name__} {error})"
        )
    return Registered(len(found), len(wanted), tuple(sorted(set(found))))


def trouble(prefill: Prefill, known: Registered, here: str) -> str:
    """Return the sentence about an instance of which not all ranks have registered, empty if all have."""
    missing = [(address, host) for address, host in prefill.hosts if address not in known.addresses]
    if known.said:
        what = known.said
    elif missing or known.ranks != known.expected:
        what = f"it lists {known.ranks} of {known.expected} ranks" + "".join(
            f", none of {host} ({address})" for address, host in missing
        )
    else:
        return ""
    others = ", ".join(host for _address, host in missing if host != prefill.host)
    remedy = f"open TCP port {prefill.port} on {prefill.host} for {others}, and " if others else ""
    return (
        f"{here} reaches the bootstrap server of prefill instance {prefill.instance} on {prefill.host} ({prefill.where}), but {what}; "
        f"{remedy}see the journal of sglang-{prefill.instance} on {others or prefill.host}"
    )


def blocked(prefill: Prefill, how: str, here: str) -> str:
    """Return the sentence about an instance that cannot be asked."""
    return (
        f"{here} does not reach the bootstrap server of prefill instance {prefill.instance} on {prefill.host}: GET /route at "
        f"{prefill.where} {how}; open TCP port {prefill.port} on {prefill.host} for the decode hosts, and see that "
        f"sglang-{prefill.instance} runs there"
    )


def wait_for(prefill: Prefill, timeout: float, here: str) -> tuple[Registered, str]:
    """Ask until all ranks have registered or the time is over; return what is known and the sentence about what is wrong."""
    deadline = time.monotonic() + timeout
    while True:
        known = Registered()
        try:
            known = ask(prefill)
            wrong = trouble(prefill, known, here)
        except Unreachable as error:
            wrong = blocked(prefill, str(error), here)
        if not wrong or time.monotonic() >= deadline:
            return known, wrong
        time.sleep(POLL_SECONDS)


def wait_for_all(instances: list[Prefill], timeout: float, here: str) -> dict[str, tuple[Registered, str]]:
    """Ask all instances at the same time, so that one that is blocked does not delay the others."""
    if not instances:
        return {}
    with ThreadPoolExecutor(max_workers=min(32, len(instances))) as pool:
        results = pool.map(lambda prefill: wait_for(prefill, timeout, here), instances)
        return {prefill.instance: result for prefill, result in zip(instances, results)}
