# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clocks: who differs from the controller, and who is accused by a peer that is wrong itself."""

from __future__ import annotations

from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import clocks

from tests.unit.plugins.plugin_utils._checks.hosts import saw


def nodes(took: float = 1.0, **ahead: float) -> dict[str, Any]:
    """Return facts of hosts whose clocks are ahead of the controller's."""
    return {name: {"clock": {"controller": {"ahead": value, "took": took}}} for name, value in ahead.items()}


def said(facts: dict[str, Any], results: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    """Return (host, what was found)."""
    return [(host, finding.found) for host, finding in clocks.findings(facts, results or {}, 1)]


def test_one_host_is_compared_with_the_controller() -> None:
    assert said(nodes(a=0.4)) == []
    assert said(nodes(a=-3600.0)) == [("a", "the clock is 3599.5 s behind the controller")]


def test_the_time_that_an_answer_took_is_no_difference() -> None:
    assert said(nodes(took=20.0, a=9.0)) == []


def test_of_two_hosts_the_one_that_differs_from_the_controller_is_named() -> None:
    results = {"a": saw({"b": 3600.2}), "b": saw({"a": -3600.2})}
    assert said(nodes(a=0.1, b=3600.0), results) == [
        ("b", "the clock is 3600.2 s ahead of the controller and its peers")
    ]
    # Nobody was compared with the controller: both may be it.
    assert [host for host, _text in said({}, results)] == ["b", "a"]


def test_a_controller_that_is_off_accuses_nobody() -> None:
    assert said(nodes(a=61.0, b=61.2, c=60.8)) == [("a", "the controller's clock is 60.5 s behind those of most hosts")]
    assert said(nodes(a=61.0, b=61.2, c=0.2))[1:] == [("c", "the clock is 60.5 s behind most hosts")]
