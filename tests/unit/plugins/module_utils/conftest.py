# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded hosts: their files, and commands that answer what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._node_reader import Commands, Root

FIXTURES = Path(__file__).parent / "fixtures"


def grow(folder: Path, lines: str) -> None:
    """Make the files and links of a tree."""
    for line in lines.splitlines():
        path, arrow, target = line.partition(" -> ")
        if not arrow:
            path, _unused, text = line.partition(" =")
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if arrow:
            place.symlink_to(target)
        else:
            place.write_text(text.strip() + "\n")


@pytest.fixture
def recorded() -> Callable[[str], str]:
    """Return the text of a fixture by its name."""
    return lambda name: (FIXTURES / name).read_text()


@pytest.fixture
def host(tmp_path: Path) -> Callable[[str], Root]:
    """Make the files of a host from a tree, a fixture's name or the lines themselves."""

    def make(tree: str) -> Root:
        grow(tmp_path, tree if " = " in tree or " -> " in tree or not tree else (FIXTURES / tree).read_text())
        return Root(str(tmp_path))

    return make


@pytest.fixture
def answering() -> Callable[..., Commands]:
    """Make commands that answer (rc, output), found by words that are in their command line; others are not installed."""

    def make(answers: dict[str, tuple[int, str]], seconds: float = 5) -> Commands:
        def run(words: list[str], **_options: Any) -> tuple[int, str, str]:
            line = " ".join(words)
            return next(((rc, out, "") for key, (rc, out) in answers.items() if key in line), (1, "", "not recorded"))

        return Commands(run, lambda name: name if any(key.split()[0] == name for key in answers) else None, seconds)

    return make
