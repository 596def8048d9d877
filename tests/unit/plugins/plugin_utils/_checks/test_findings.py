# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions and their comparison."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks.finding import Finding, is_older, matches
from hypothesis import given
from hypothesis import strategies as st

VERSIONS = st.lists(st.integers(0, 999), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))


@pytest.mark.parametrize(
    ("left", "right", "older"),
    [
        ("570.172.08", "580.65.06", True),
        ("580.65.06", "580.65.06", False),
        ("580.105.08", "580.95.05", False),
        ("2.28", "2.28.3", True),
        ("2.28.0", "2.28", False),
        ("2.9.3", "2.28.3", True),
    ],
)
def test_versions_are_compared_by_numbers(left: str, right: str, older: bool) -> None:
    assert is_older(left, right) is older


@given(VERSIONS, VERSIONS)
def test_of_two_versions_at_most_one_is_older(left: str, right: str) -> None:
    assert not (is_older(left, right) and is_older(right, left))
    assert matches(left, f"<{right}") == is_older(left, right)
    assert matches(left, f">={right}") != matches(left, f"<{right}")
    assert matches(left, f"=={right}") == (matches(left, f"<={right}") and matches(left, f">={right}"))
    assert matches(left, f">{right}") != matches(left, f"<={right}")


def test_every_comparison_of_a_text_must_hold() -> None:
    assert matches("2.28.9", ">=2.28, <2.29.3")
    assert not matches("2.29.3", ">=2.28, <2.29.3")


@pytest.mark.parametrize("text", ["", "2.28", "=2.28", "~=2.28", "<2.28 or so"])
def test_a_text_that_is_no_comparison_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a comparison of versions"):
        matches("2.28", text)


def test_a_finding_is_one_sentence_with_all_its_parts() -> None:
    finding = Finding("nccl", "old", "NCCL 2.27", "2.28.3 or later", "install it")
    told = finding.as_dict("n1")
    assert told["text"] == "n1  NCCL 2.27 (expected 2.28.3 or later). Fix: install it"
    assert (told["host"], told["fixed_by"], told["severity"]) == ("n1", "user", "error")
    assert replace(finding, expected="").text("n1") == "n1  NCCL 2.27. Fix: install it"
