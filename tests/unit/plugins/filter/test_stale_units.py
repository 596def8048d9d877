# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instances start again."""

from __future__ import annotations

from typing import Any

from ansible_collections.multinode.sglang.plugins.filter.stale_units import stale_units

UNITS: list[dict[str, Any]] = [
    {"name": "sglang-a-0", "host": "n1", "rank": 0, "ranks": [{"host": "n1"}, {"host": "n2"}]},
    {"name": "sglang-b-0", "host": "n1", "rank": 0, "ranks": [{"host": "n1"}]},
]


def hosts(**stale: list[str]) -> dict[str, Any]:
    """Return the variables of hosts."""
    return {host: {"result": {"stale": names}} for host, names in stale.items()}


def names(results: dict[str, Any]) -> list[str]:
    """Return the names of the units to start again."""
    return [unit["name"] for unit in stale_units(UNITS, results, "result")]


def test_one_stale_rank_is_enough() -> None:
    assert names(hosts(n1=[], n2=["sglang-a-0"])) == ["sglang-a-0"]


def test_nothing_stale() -> None:
    assert names(hosts(n1=[], n2=[])) == []


def test_another_host_with_the_same_unit_name_does_not_count() -> None:
    assert names(hosts(n1=[], n2=[], n3=["sglang-b-0"])) == []


def test_a_host_without_a_result_is_not_stale() -> None:
    assert names({"n1": {"result": {"stale": ["sglang-b-0"]}}, "n2": {}}) == ["sglang-b-0"]


def test_a_server_has_the_rank_with_which_it_runs() -> None:
    results = hosts(n1=["sglang-a-0", "sglang-b-0"], n2=[])
    results["n1"]["result"]["units"] = {"sglang-a-0": {"rank": 1}, "sglang-b-0": {"rank": None}}
    assert [unit["rank"] for unit in stale_units(UNITS, results, "result")] == [1, 0]
