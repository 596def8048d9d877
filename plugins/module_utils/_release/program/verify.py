# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify that a release is what its manifest says: with a stat for each file, or by reading every byte."""

from __future__ import annotations

from .errors import Refused
from .report import Report
from .scan import Item, local_text, scan
from .store import Store, read_bytes, write_atomically

# These are about the release on this host, and are no part of it.
_LOCAL = frozenset({".release/local", ".release/local.new", ".release/source"})


def items_of(path: str) -> list[Item]:
    """Return everything in a release that its local record covers."""
    return [item for item in scan(path, exact=True) if item.path not in _LOCAL]


def record(path: str) -> None:
    """Note that everything in a release is verified as it is now."""
    write_atomically(f"{path}/.release/local", local_text(items_of(path)).encode())


def verify(store: Store, digest: str, full: bool = False) -> Report:
    """Verify a release; files whose stat has changed are hashed again, and noted where they are good."""
    report = Report(digest)
    if digest not in store.digests():
        report.lost = "there is no such release"
        return report
    before = read_bytes(store.meta(digest, "local")) or b""
    items = items_of(store.release(digest))
    text = local_text(items)
    if not full and text.encode() == before:
        return report
    # Here, because where nothing has changed nothing is hashed, and the import would take longer than all the rest.
    from .rehash import examine  # noqa: PLC0415

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
        # A user who may not write here still gets the answer.
        return
