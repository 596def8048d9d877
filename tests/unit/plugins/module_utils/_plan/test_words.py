# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines and URLs."""

from __future__ import annotations

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._plan import words
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Option, Worker


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (Option("enable-metrics"), ["--enable-metrics"]),
        (Option("tp-size", ("8",)), ["--tp-size", "8"]),
        (Option("cuda-graph-bs-decode", ("1", "2")), ["--cuda-graph-bs-decode", "1", "2"]),
        (Option("log-level", ("-odd",)), ["--log-level=-odd"]),
        (Option("offset", ("-1.5",)), ["--offset", "-1.5"]),
    ],
)
def test_an_option_as_argparse_takes_it(option: Option, expected: list[str]) -> None:
    assert words.option_words(option) == expected


def test_workers_of_a_router() -> None:
    regular = Worker("a-0@n1", "regular", "http", "10.0.0.1", 30000)
    prefill = Worker("p-0@n1", "prefill", "http", "fd00::1", 30000, 8998)
    decode = Worker("d-0@n2", "decode", "https", "10.0.0.2", 30001)
    assert words.worker_words([regular]) == ["--worker-urls", "http://10.0.0.1:30000"]
    assert words.worker_words([decode, prefill]) == [
        "--pd-disaggregation",
        *("--prefill", "http://[fd00::1]:30000", "8998"),
        *("--decode", "https://10.0.0.2:30001"),
    ]
