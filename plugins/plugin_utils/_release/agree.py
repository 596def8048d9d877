# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deciding for all hosts of a run: who copies, who gets from whom, and whether all have the same. PRIVATE to the collection."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._release.host import size

# Hosts that have a release already give it to the others; more than these have nothing to do.
HOLDERS = 3
_MOST = 5
# How long, in seconds, one host may take to be started by Ansible after the one before it.
_STEP = 5.0
_PATIENCE = 60.0


class Disagreement(Exception):
    """The hosts cannot go on together; the text says why."""


def collect(hosts: Iterable[str], results: Mapping[str, Any]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return release -> host -> what is known there; a host without a result keeps all others from going on."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    lost = []
    for host in hosts:
        result = results.get(host)
        if result is None or result.get("failed") or "releases" not in result:
            lost.append(host)
            continue
        for name, entry in result["releases"].items():
            found.setdefault(name, {})[host] = entry
    if lost:
        raise Disagreement(
            f"{few(lost)} could not go on, see above; no host was switched. "
            "Correct that, or leave such hosts out with --limit, and run again"
        )
    return found


def few(names: list[str]) -> str:
    """Return the first of many names."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def plan(looks: Mapping[str, Mapping[str, Mapping[str, Any]]], forks: int) -> dict[str, dict[str, Any]]:
    """Return the releases that have something to do, and for those to be copied the hosts in the order of the chain."""
    found = {}
    for name, hosts in looks.items():
        getting = [host for host, entry in hosts.items() if entry["missing"]]
        having = {host: entry["digest"] for host, entry in hosts.items() if not entry["missing"]}
        if not getting and all(entry["digest"] == entry["current"] for entry in hosts.values()):
            refuse_difference(name, having)
            continue
        # Who has it comes first, so that nobody reads the source for what is here.
        chain = [*list(having)[:HOLDERS], *getting] if getting else []
        patience = _PATIENCE + _STEP * -(-len(chain) // max(1, forks))
        found[name] = {
            "hosts": chain,
            "addresses": [[hosts[host]["address"], int(hosts[host]["port"])] for host in chain],
            "grace": patience,
            "linger": patience,
        }
        if not getting:
            refuse_difference(name, having)
    return found


def refuse_difference(name: str, digests: Mapping[str, str]) -> None:
    """Refuse hosts with different releases."""
    first = next(iter(digests), "")
    odd = [host for host, digest in digests.items() if digest != digests[first]]
    if odd:
        raise Disagreement(
            f"{name}: {first} has the release {digests[first]}, {few(odd)} {'has' if len(odd) == 1 else 'have'} {digests[odd[0]]}; "
            "no host was switched. Mount the same source on all of them and run again"
        )


def agreed(
    looks: Mapping[str, Mapping[str, Mapping[str, Any]]], copies: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> dict[str, str]:
    """Return the one digest of each release that all hosts have now."""
    found = {}
    for name in looks:
        digests = {
            host: str(copies.get(name, {}).get(host, entry).get("digest", "")) for host, entry in looks[name].items()
        }
        without = [host for host, digest in digests.items() if not digest]
        if without:
            raise Disagreement(
                f"{name}: {few(without)} did not get the release; no host was switched. Run again: what was copied is kept"
            )
        refuse_difference(name, digests)
        found[name] = next(iter(digests.values()))
    return found


def summary(name: str, digest: str, copies: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the line that ends the copies of a release."""
    done = [entry for entry in copies.values() if entry.get("changed")]
    if not done:
        return f"{name}: all hosts have the release {digest} already"
    total, read = (
        max(entry.get("bytes_total", 0) for entry in done),
        sum(entry.get("source_bytes", 0) for entry in copies.values()),
    )
    seconds = max(float(entry.get("seconds", 0)) for entry in done)
    rate = sum(entry.get("bytes_total", 0) - entry.get("bytes_kept", 0) for entry in done) / seconds if seconds else 0
    part = f" ({read / total:.2f} of its size)" if total else ""
    return (
        f"{name}: the release {digest} is on {len(done)} more host{'s' * (len(done) > 1)} after {seconds:.0f} s: {size(total)} each, "
        f"{size(read)} read from the source{part}, {size(rate)}/s over all hosts"
    )


def token_path(directory: str, run: str) -> Path:
    """Return where the token of a run lies on the controller for as long as the play runs."""
    return Path(directory) / f"release-{run}"


def make_token(directory: str, run: str) -> None:
    """Make a token that only this user can read."""
    descriptor = os.open(token_path(directory, run), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as handle:
        handle.write(secrets.token_hex(32))
