# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All sentences that the checks can say are in sentences.txt, where a person reads them before they are released."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import same

from tests.checks.common import REPO
from tests.unit.plugins.plugin_utils._checks.situations import situations

GOLDEN = Path(__file__).with_name("sentences.txt")
CHECKS = REPO / "plugins/plugin_utils/_checks"


def said() -> str:
    """Return the sentences of all situations."""
    return "\n".join(
        "\n".join([f"# {title}", *(f"{finding.severity.upper()}  {finding.text(name)}" for name, finding in found), ""])
        for title, found in situations()
    )


def test_the_sentences_are_those_that_were_read(tmp_path: Path) -> None:
    now = tmp_path / "sentences.txt"
    now.write_text(said(), encoding="utf-8")
    before = GOLDEN.read_text(encoding="utf-8") if GOLDEN.exists() else ""
    diff = "\n".join(difflib.unified_diff(before.splitlines(), said().splitlines(), "read", "now", lineterm="", n=1))
    assert not diff, f"{diff}\n\nRead these sentences as the person who gets them at night, then: cp {now} {GOLDEN}"


def test_every_situation_has_something_to_say() -> None:
    assert [title for title, found in situations() if not found] == []


def test_every_check_is_in_a_situation() -> None:
    known = {finding.check for _title, found in situations() for _host, finding in found}
    assert checks_in_the_code() | {f"same_{kind}" for kind in same.KINDS} == known


def checks_in_the_code() -> set[str]:
    """Return the names of checks that the code gives to findings."""
    found = set()
    for path in CHECKS.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in CALLS:
                argument = call.args[CALLS[call.func.id]]
                found |= {str(argument.value)} if isinstance(argument, ast.Constant) else set()
    return found


# Which argument of these calls is the name of the check.
CALLS = {"Finding": 1, "_finding": 0}


def test_every_sentence_has_all_its_parts_and_no_dead_ends() -> None:
    for title, found in situations():
        for host, finding in found:
            text = finding.text(host)
            assert finding.found, title
            assert finding.fix, title
            assert not text.endswith("."), f"{title}: the caller ends the sentence"
            assert "None" not in text, text
            assert "  " not in text.removeprefix(f"{host}  "), text
