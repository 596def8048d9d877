# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd reads must be what was meant; the expected texts were tried with systemd 252."""

from __future__ import annotations

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._units import text as unit_text


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("--model-path", "--model-path"),
        ("/models/a_b-1.5", "/models/a_b-1.5"),
        ("", '""'),
        ("two words", '"two words"'),
        ('{"a": "b"}', '"{\\"a\\": \\"b\\"}"'),
        ("100%", "100%%"),
        ("$HOME", "$$HOME"),
        ("${HOME}", '"$${HOME}"'),
        ("back\\slash", '"back\\\\slash"'),
        ("new\nline", '"new\\nline"'),
        ("tab\there", '"tab\\there"'),
        ("\x01", '"\\x01"'),
        (";", '";"'),
        ("#comment", '"#comment"'),
        ("it's", '"it\'s"'),
        ("é", '"é"'),
    ],
)
def test_argument(text: str, quoted: str) -> None:
    assert unit_text.argument(text) == quoted


def test_path_keeps_dollars_and_doubles_percents() -> None:
    assert unit_text.path("/models/50% $x") == '"/models/50%% $x"'


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain", 'A="plain"'),
        ("50%", 'A="50%"'),
        ('say "hi" $x `y` \\', 'A="say \\"hi\\" \\$x \\`y\\` \\\\"'),
        ("two\nlines", 'A="two\nlines"'),
    ],
)
def test_environment_line(value: str, line: str) -> None:
    assert unit_text.environment_line("A", value) == line


@pytest.mark.parametrize(("name", "value"), [("A B", "x"), ("1A", "x"), ("", "x"), ("A", "bell\x07")])
def test_environment_line_refuses_what_systemd_drops(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="environment"):
        unit_text.environment_line(name, value)
