# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port ranges against sets of ports."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import intervals
from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import Interval
from hypothesis import given
from hypothesis import strategies as st

PORTS = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, 9)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=6
)


def members(intervals: Iterable[Interval]) -> set[int]:
    """All ports of intervals."""
    return {port for first, last in intervals for port in range(first, last + 1)}


@given(PORTS, PORTS)
def test_taking_out(left: list[Interval], right: list[Interval]) -> None:
    rest = intervals.without(left, right)
    assert members(rest) == members(left) - members(right)
    assert rest == intervals.merged(rest)


@given(PORTS)
def test_the_text_of_ports_means_the_same_ports(ports: list[Interval]) -> None:
    assert members(intervals.parse(intervals.join(ports))) == members(ports)


@pytest.mark.parametrize("text", ["30000-20000", "a", "1-", "1-2-3", "-5", "1:5"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a port or a range of ports"):
        intervals.parse(text)
