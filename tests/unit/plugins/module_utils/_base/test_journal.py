# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which line of a journal is shown as the reason."""

from __future__ import annotations

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import journal

REPO_ID = "OSError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/models/x'"
ENDED = [
    "sglang-a-0.service: Main process exited, code=exited, status=1/FAILURE",
    "sglang-a-0.service: Failed with result 'exit-code'.",
    "sglang-a-0.service: Consumed 6.467s CPU time.",
]
STARTED = "Started sglang-a-0.service - SGLang a-0@node1, rank 0 of 1."


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([STARTED, "Traceback (most recent call last):", REPO_ID, *ENDED], REPO_ID),
        ([STARTED, REPO_ID, "EOFError", "RuntimeError: a scheduler died", *ENDED], REPO_ID),
        ([STARTED, "ValueError: of an earlier start", *ENDED, STARTED, REPO_ID, *ENDED], REPO_ID),
        ([STARTED, REPO_ID, *ENDED, STARTED, "Loading"], REPO_ID),
        ([STARTED, "launch_server.py: error: unrecognized arguments: --x", *ENDED],
         "launch_server.py: error: unrecognized arguments: --x"),
        ([STARTED, "refused: port 1 is taken", "refused: port 2 is taken", *ENDED], "refused: port 2 is taken"),
        ([STARTED, "Loading", *ENDED], ""),
        ([], ""),
    ],
)  # fmt: skip
def test_the_cause(lines: list[str], reason: str) -> None:
    assert journal.cause(lines) == reason


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([STARTED, "Loading", *ENDED], "Loading"),
        ([STARTED, REPO_ID, "bye", *ENDED], REPO_ID),
        (ENDED, ENDED[-1]),
        ([], ""),
    ],
)
def test_the_last_word_is_not_that_of_systemd(lines: list[str], shown: str) -> None:
    assert journal.last_word(lines) == shown


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (["a", "b", "c"], ["b", "c"]),
        (["torch.OutOfMemoryError: none left", "a", "b", "c"], ["torch.OutOfMemoryError: none left", "b", "c"]),
        (["a", "ValueError: first"], ["a", "ValueError: first"]),
        (["ValueError: first", "b", "EOFError"], ["ValueError: first", "b", "EOFError"]),
    ],
)
def test_the_evidence_holds_the_cause(lines: list[str], shown: list[str]) -> None:
    assert journal.evidence(lines, 2) == shown


def test_one_line_is_one_line() -> None:
    assert journal.evidence([REPO_ID, "Loading"], 1) == ["Loading"]
