# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences about hosts whose models differ."""

from __future__ import annotations

from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._release.compare import differences, overview

FIX = "Fix: run weights.yml or deploy.yml"


def result(digest: str = "d1", lost: str = "", releases: tuple[str, ...] = (), **problems: str) -> dict[str, Any]:
    """Return the result of a verification."""
    good = not problems and not lost
    report = {"digest": digest, "ok": good, "problems": problems, "lost": lost, "releases": [digest, *releases]}
    return {"releases": {"llama": {**report, "rehashed": []}}}


def test_all_the_same_is_no_sentence() -> None:
    assert differences({"a": result(), "b": result(), "c": {"releases": {}}}) == []


def test_host_and_file_are_named() -> None:
    found = differences(
        {
            "a": result(),
            "b": result(shard="damaged in the 1048576 bytes at 0"),
            "c": result(lost="the manifest of the release is damaged"),
        }
    )
    assert found == [
        f"b  llama: shard: damaged in the 1048576 bytes at 0. {FIX}",
        f"c  llama: the manifest of the release is damaged. {FIX}",
    ]


def test_the_odd_one_is_named_and_not_the_others() -> None:
    found = differences({"a": result("d2"), "b": result(), "c": result()})
    assert found == [f"a  llama: release d2 (expected d1, as on b, c). {FIX}"]


def test_a_host_without_a_result_does_not_count_as_good() -> None:
    assert differences({"a": result(), "b": {"unreachable": True, "msg": "timed out"}}) == [
        "b  not compared: timed out"
    ]
    assert differences({"b": {}}) == ["b  not compared: it has no result"]


def test_many_files_are_counted() -> None:
    (text,) = differences({"a": result(**{f"f{number}": "missing" for number in range(12)})})
    assert text.endswith(f"and 2 more. {FIX}")


def test_the_releases_that_all_hosts_have_are_listed() -> None:
    results = {"a": result(releases=("d0", "d9")), "b": result(releases=("d9",))}
    assert overview(results) == ["llama: release d1 on 2 hosts, verified; also on disk: d9"]
    assert overview({"a": result()}) == ["llama: release d1 on 1 host, verified"]
