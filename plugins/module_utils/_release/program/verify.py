# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a release what its manifest says? In the time of a stat for each file, or by reading every byte."""

from __future__ import annotations

import os

from .errors import Refused
from .scan import LINK, Item, local_text, scan
from .store import Store, read_bytes, write_atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# These are about the release on this host, and are no part of it.
_LOCAL = frozenset({".release/local", ".release/local.new", ".release/source"})


class Report:
    """What was found out about a release."""

    def __init__(self, digest: str) -> None:
        """Start with nothing found."""
        self.digest = digest
        self.problems: dict[str, str] = {}
        self.rehashed: list[str] = []
        self.lost = ""

    @property
    def ok(self) -> bool:
        """Tell whether everything is right."""
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
        """Return what is wrong, for the user."""
        if self.lost:
            return f"{path}: {self.lost}; run sync again"
        names = sorted(self.problems)
        shown = ", ".join(f"{name} ({self.problems[name]})" for name in names[:5])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return f"{path} is not what its manifest says: {shown}{more}; run sync again to repair it"


def items_of(path: str) -> list[Item]:
    """Return everything in a release that its local record covers."""
    return [item for item in scan(path, exact=True) if item.path not in _LOCAL]


def record(path: str) -> None:
    """Note that all in a release is right as it stands now."""
    write_atomically(f"{path}/.release/local", local_text(items_of(path)).encode())


def verify(store: Store, digest: str, full: bool = False) -> Report:
    """Verify a release; what stat no longer knows is hashed again, and noted where it is right."""
    report = Report(digest)
    if digest not in store.digests():
        report.lost = "the release is not there"
        return report
    before = read_bytes(store.meta(digest, "local")) or b""
    items = items_of(store.release(digest))
    text = local_text(items)
    if not full and text.encode() == before:
        return report
    from .rehash import examine

    known = set() if full else set(before.decode("utf-8", "replace").splitlines(keepends=True))
    try:
        examine(store, report, items, known)
    except Refused as refusal:
        report.lost = str(refusal)
    if report.ok and text.encode() != before:
        _note(store.meta(digest, "local"), text)
    return report


def _note(path: str, text: str) -> None:
    """Note the state from before the hashing: what was changed meanwhile is hashed again next time."""
    try:
        write_atomically(path, text.encode())
    except PermissionError:
        # Whoever may not write here still gets the answer.
        return


def links_differ(path: str, items: list[Item], links: dict[str, str]) -> dict[str, str]:
    """Return what is wrong with the links of a release."""
    found = {item.path: os.readlink(f"{path}/{item.path}") for item in items if item.kind == LINK}
    problems = {name: "missing link" for name in links if name not in found}
    problems.update({name: f"leads to {target}" for name, target in found.items() if links.get(name, target) != target})
    return problems
