# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that runs on the hosts, as the files that a host gets. PRIVATE to the collection."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

_PACKAGE = Path(__file__).parents[2] / "module_utils" / "_release" / "program"
# No `python3 DIRECTORY`: that would load runpy first.
_LAUNCHER = """import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from _release.cli import main

sys.exit(main(sys.argv[1:]))
"""
LAUNCHER_NAME = "release.py"
# Isolated, so that nothing in the caller's environment or site-packages takes part.
INTERPRETER_OPTIONS = ("-I", "-S")


@functools.cache
def files() -> dict[str, str]:
    """Return the text of each file of the program by its path; read once, because a wait asks for it at every look."""
    package = {f"_release/{path.name}": path.read_text(encoding="utf-8") for path in sorted(_PACKAGE.glob("*.py"))}
    return {LAUNCHER_NAME: _LAUNCHER, **package}


def digest(program: dict[str, str]) -> str:
    """Return one word for the program, for the name of its directory on a host."""
    return hashlib.sha256(repr(sorted(program.items())).encode()).hexdigest()[:16]
