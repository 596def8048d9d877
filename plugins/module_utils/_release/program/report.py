# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verification finds out about a release."""

from __future__ import annotations

import os

from ..._base.text import first_few
from .scan import LINK, Item

# See request.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Report:
    """What is known about a release."""

    def __init__(self, digest: str) -> None:
        """Start with nothing found."""
        self.digest = digest
        # path -> what is wrong with it
        self.problems: dict[str, str] = {}
        # Files that were read again.
        self.rehashed: list[str] = []
        # Why nothing of the release can be trusted, empty if it can.
        self.lost = ""

    @property
    def ok(self) -> bool:
        """Return whether the release is what its manifest says."""
        return not self.problems and not self.lost

    def result(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "digest": self.digest,
            "ok": self.ok,
            "problems": self.problems,
            "rehashed": self.rehashed,
            "lost": self.lost,
        }

    def sentence(self, path: str) -> str:
        """Return what is wrong with a release, for the user, who also needs to know how to fix it."""
        if self.lost:
            return f"{path}: {self.lost}"
        shown = first_few([f"{name} ({self.problems[name]})" for name in sorted(self.problems)], 5)
        return f"{path} differs from its manifest: {shown}"


def links_differ(path: str, items: list[Item], links: dict[str, str]) -> dict[str, str]:
    """Return what is wrong with the links of a release."""
    found = {item.path: os.readlink(f"{path}/{item.path}") for item in items if item.kind == LINK}
    problems = {name: "missing link" for name in links if name not in found}
    problems.update({name: f"leads to {target}" for name, target in found.items() if links.get(name, target) != target})
    return problems
