# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences about hosts whose models differ."""

from __future__ import annotations

from typing import Any

from ansible_collections.multinode.sglang.plugins.filter.release_mix import release_mix


def result(digest: str = "d1", lost: str = "", **problems: str) -> dict[str, Any]:
    """Return the result of a verification."""
    return {
        "releases": {
            "llama": {
                "digest": digest,
                "ok": not problems and not lost,
                "problems": problems,
                "lost": lost,
                "rehashed": [],
            }
        }
    }


def test_all_the_same_is_no_sentence() -> None:
    assert release_mix({"a": result(), "b": result(), "c": {"releases": {}}}) == []


def test_host_and_file_are_named() -> None:
    found = release_mix(
        {
            "a": result(),
            "b": result(shard="damaged in the 1048576 bytes at 0"),
            "c": result(lost="the manifest is damaged"),
        }
    )
    assert found == [
        "b, llama: shard: damaged in the 1048576 bytes at 0; run weights.yml to repair it",
        "c, llama: the manifest is damaged; run weights.yml to repair it",
    ]


def test_the_odd_one_is_named_and_not_the_others() -> None:
    found = release_mix({"a": result("d2"), "b": result(), "c": result()})
    assert found == ["a has the release d2 of llama, 2 others have d1; run weights.yml"]


def test_a_host_that_said_nothing_is_not_taken_for_good() -> None:
    assert release_mix({"a": result(), "b": {"unreachable": True, "msg": "timed out"}}) == [
        "b was not compared: timed out"
    ]
    assert release_mix({"b": {}}) == ["b was not compared: it has no result"]


def test_many_files_are_counted() -> None:
    (text,) = release_mix({"a": result(**{f"f{number}": "missing" for number in range(12)})})
    assert text.endswith("and 2 more; run weights.yml to repair it")
