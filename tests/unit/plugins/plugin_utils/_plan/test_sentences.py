# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every sentence that the plan can say stands in sentences.txt, to be read as the person who gets it at night."""

from __future__ import annotations

import ast
import difflib
import inspect
from pathlib import Path

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils import _plan
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import PlanError

from .bad_inputs import sentences

GOLDEN = Path(__file__).with_name("sentences.txt")
SOURCES = sorted(Path(_plan.__file__).parent.glob("*.py"))


def test_the_sentences_are_those_that_were_read(tmp_path: Path) -> None:
    now = tmp_path / "sentences.txt"
    now.write_text("".join(f"{line}\n" for line in sentences()), encoding="utf-8")
    texts = (path.read_text(encoding="utf-8").splitlines() for path in (GOLDEN, now))
    difference = "\n".join(difflib.unified_diff(*texts, str(GOLDEN), str(now), n=0, lineterm=""))
    assert not difference, f"read the new sentences; if they are good, cp {now} {GOLDEN}\n{difference}"


def test_each_names_a_field_a_problem_and_a_fix() -> None:
    for sentence in GOLDEN.read_text(encoding="utf-8").splitlines():
        field, _colon, rest = sentence.partition(": ")
        assert field
        assert "; " in rest, sentence


def test_every_refusal_in_the_source_is_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: set[tuple[str, int]] = set()
    remember = PlanError.__init__

    def record(self: PlanError, *said: str) -> None:
        frame = inspect.currentframe()
        caller = frame.f_back if frame else None
        assert caller
        raised.add((Path(caller.f_code.co_filename).name, caller.f_lineno))
        remember(self, *said)

    monkeypatch.setattr(PlanError, "__init__", record)
    sentences()
    missing = [
        f"{path.name}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "PlanError"
        if not any((path.name, line) in raised for line in range(node.lineno, (node.end_lineno or node.lineno) + 1))
    ]
    assert not missing
