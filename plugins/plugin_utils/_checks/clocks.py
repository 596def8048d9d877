# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the clocks agree: those of the hosts with the controller's, and with those of their peers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .finding import WARNING, Finding, section
from .host import KEEPING_TIME

Results = Mapping[str, Mapping[str, Any]]
# host -> seconds that its clock is ahead, by host that says so.
Ahead = dict[str, dict[str, float]]


def findings(nodes: Mapping[str, dict[str, Any]], results: Results, seconds: float) -> Iterable[tuple[str, Finding]]:
    """Yield (host, finding). results: host -> result of peer_info."""
    offsets = {host: certain(clock) for host, node in nodes.items() if (clock := controller(node))}
    off = median(offsets.values()) if len(offsets) > 1 else 0.0
    wrong = {host: offset for host, offset in offsets.items() if abs(offset) > seconds}
    if abs(off) > seconds:
        # Not all hosts are wrong: the controller is.
        yield min(wrong), _controller(off, seconds)
        wrong = {host: offset - off for host, offset in offsets.items() if abs(offset - off) > seconds}
    reference = "most hosts" if abs(off) > seconds else "the controller"
    told = _told(results)
    for host in dict.fromkeys([*wrong, *told]):
        skew = median(told.get(host, {}).values())
        if host in wrong and skew * wrong[host] > 0 and abs(skew) > seconds:
            # Peers answer sooner, so they know better how much it is.
            yield host, _skew(skew, f"{reference} and its peers", seconds)
        elif host in wrong:
            yield host, _skew(wrong[host], reference, seconds)
        # Peers whose own clock is wrong accuse the ones that are right.
        elif abs(skew) > seconds and not set(told[host]) <= set(wrong):
            yield host, _skew(skew, "its peers", seconds)


def controller(node: Mapping[str, Any]) -> Mapping[str, float] | None:
    """Return how the clock of a host compares with the controller's, None where it was not compared."""
    return section(dict(node), "clock", {}).get("controller")


def certain(clock: Mapping[str, float]) -> float:
    """Return the seconds that a clock is ahead at least: half of the time that the answer took may be all of it."""
    least = max(0.0, abs(clock["ahead"]) - clock["took"] / 2)
    return least if clock["ahead"] > 0 else -least


def median(differences: Iterable[float]) -> float:
    """Return the lower median: one clock that is off does not accuse the others."""
    ordered = sorted(differences, key=abs)
    return ordered[(len(ordered) - 1) // 2] if ordered else 0.0


def _told(results: Results) -> Ahead:
    told: Ahead = {}
    for asking, result in results.items():
        for host, clock in result["clocks"].items():
            uncertain = abs(clock["ahead"]) <= clock["took"] / 2
            told.setdefault(host, {})[asking] = 0.0 if uncertain else clock["ahead"]
    return told


def _skew(off: float, reference: str, seconds: float) -> Finding:
    found = f"the clock is {abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} {reference}"
    fix = f"run a time service ({KEEPING_TIME}), then step the clock (sudo chronyc makestep)"
    return Finding("clock", "skew", found, _expected(seconds), fix)


def _controller(off: float, seconds: float) -> Finding:
    found = f"the controller's clock is {abs(off):.1f} s {'behind' if off > 0 else 'ahead of'} those of most hosts"
    fix = "set the clock of the machine that runs Ansible"
    return Finding("clock", "controller", found, _expected(seconds), fix, severity=WARNING)


def _expected(seconds: float) -> str:
    return f"at most {seconds:g} s, see preflight_clock_seconds"
