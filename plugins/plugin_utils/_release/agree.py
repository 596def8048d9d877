# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide for all hosts of a run who copies from whom, and whether all have the same. PRIVATE to the collection."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import duration, first_few, size

# What is known about a release on each host, and that for each release.
Hosts = Mapping[str, Mapping[str, Any]]
Found = Mapping[str, Hosts]

# Hosts that have a release already give it to the others; more than these have nothing to do.
HOLDERS = 3
_MOST = 5
# How long, in seconds, one host may take to be started by Ansible after the one before it.
_STEP = 5.0
_PATIENCE = 60.0


class Disagreement(Exception):
    """The hosts cannot go on together; the text says why and how to fix it."""


def collect(hosts: Iterable[str], results: Mapping[str, Any]) -> Found:
    """Return what is known about each release by host; a host without a result keeps all others from going on."""
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
            f"{first_few(lost, _MOST)} failed before, see above; no host was switched. "
            "Fix that, or leave these hosts out with --limit, and run again"
        )
    return found


def settle(found: Found) -> Found:
    """Keep hosts that go back where they are, unless they are on the newest release of all hosts."""
    return {name: _settled(name, hosts) for name, hosts in found.items()}


def _settled(name: str, hosts: Hosts) -> Hosts:
    newest = _newest(hosts)
    settled = {}
    for host, entry in hosts.items():
        stays = entry.get("back") and newest and entry["current"] not in {"", newest}
        if entry.get("trouble") and not stays:
            raise Disagreement(f"{name}: {host}: {entry['trouble']}; no host was switched")
        path = f"{entry['store']}/releases/{entry['current']}" if stays else ""
        settled[host] = {**entry, "digest": entry["current"], "path": path} if stays else entry
    return settled


def _newest(hosts: Hosts) -> str:
    """Return the newest release from the source that has been current on a host of those that go back."""
    return newest_of([entry["served"] for entry in hosts.values() if entry.get("back")])


def newest_of(orders: Iterable[Sequence[str]]) -> str:
    """Return the newest release of all hosts, from those of each host, the newest first; empty where they disagree."""
    every = [order for order in orders if order]
    older = {digest for order in every for digest in order[1:]}
    newest = {order[0] for order in every} - older
    return newest.pop() if len(newest) == 1 else ""


def staying(found: Found) -> list[str]:
    """Return a line for each model that shall go back, and whose hosts have left the newest release already."""
    lines = []
    for name, hosts in found.items():
        entries = [entry for entry in hosts.values() if entry.get("back")]
        if entries and all(entry["digest"] == entry["current"] for entry in entries):
            newest = _newest(hosts) or "not the same on all hosts"
            current = entries[0]["current"]
            lines.append(f"{name}: stays on {current}: it has gone back from the newest ({newest}) already")
    return lines


def plan(found: Found, forks: int) -> dict[str, dict[str, Any]]:
    """Return the releases that have something to do, and for those to be copied the hosts in the order of the chain."""
    planned = {}
    for name, hosts in found.items():
        getting = [host for host, entry in hosts.items() if entry["missing"]]
        having = {host: entry["digest"] for host, entry in hosts.items() if not entry["missing"]}
        if not getting:
            refuse_difference(name, having)
        if not getting and all(entry["digest"] == entry["current"] for entry in hosts.values()):
            continue
        # Hosts that have it come first, so that nobody reads the source for what is here.
        chain = [*list(having)[:HOLDERS], *getting] if getting else []
        patience = _PATIENCE + _STEP * -(-len(chain) // max(1, forks))
        holders = len(chain) - len(getting)
        planned[name] = {
            "hosts": chain,
            # Who reads the source a second time, unless two hosts have the release already.
            "witness": holders - 1 if holders > 1 else len(chain) - 1,
            "addresses": [[hosts[host]["address"], int(hosts[host]["port"])] for host in chain],
            "grace": patience,
            "linger": patience,
        }
    return planned


def refuse_difference(name: str, digests: Mapping[str, str]) -> None:
    """Refuse hosts with different releases."""
    first = next(iter(digests), "")
    odd = [host for host, digest in digests.items() if digest != digests[first]]
    if odd:
        raise Disagreement(
            f"{name}: {first_few(odd, _MOST)} would go to {digests[odd[0]]} (expected {digests[first]}, as {first}); "
            "no host was switched. Mount the same source on all hosts, or set release of the model to a digest, and "
            "run again; verify_weights.yml lists the releases of all hosts"
        )


def agreed(found: Found, copies: Found) -> dict[str, str]:
    """Return the one digest of each release that all hosts have now."""
    same = {}
    for name, hosts in found.items():
        digests = {host: str(copies.get(name, {}).get(host, entry).get("digest", "")) for host, entry in hosts.items()}
        without = [host for host, digest in digests.items() if not digest]
        if without:
            raise Disagreement(
                f"{name}: {first_few(without, _MOST)} did not get the release; no host was switched. "
                "Run again: what was copied is kept"
            )
        refuse_difference(name, digests)
        same[name] = next(iter(digests.values()))
    return same


def summary(name: str, digest: str, copies: Hosts) -> str:
    """Return the line that ends the copies of a release."""
    done = [entry for entry in copies.values() if entry.get("changed")]
    if not done:
        return f"{name}: all hosts have the release {digest} already"
    total = max(entry.get("bytes_total", 0) for entry in done)
    read = sum(entry.get("source_bytes", 0) for entry in copies.values())
    seconds = max(float(entry.get("seconds", 0)) for entry in done)
    rate = sum(entry.get("bytes_total", 0) - entry.get("bytes_kept", 0) for entry in done) / seconds if seconds else 0
    part = f" ({read / total:.2f} of its size)" if total else ""
    return (
        f"{name}: the release {digest} is on {len(done)} more host{'s' * (len(done) > 1)} after {duration(seconds)}: "
        f"{size(total)} each, {size(read)} read from the source{part}, {size(rate)}/s over all hosts"
    )


def token_path(directory: str, run: str) -> Path:
    """Return where the token of a run is on the controller for as long as the play runs."""
    return Path(directory) / f"release-{run}"


def make_token(directory: str, run: str) -> None:
    """Make a token that only this user can read."""
    descriptor = os.open(token_path(directory, run), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as handle:
        handle.write(secrets.token_hex(32))
