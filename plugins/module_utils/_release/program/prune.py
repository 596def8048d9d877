# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove old releases: never the linked ones, never one that is in use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

from .inuse import users
from .store import Store


def prune(store: Store, keep: int, references: Iterable[str] = (), check: bool = False) -> list[str]:
    """Remove all but the newest releases, the linked ones among them; return what was removed."""
    references = list(references)
    with store.switching():
        newest, linked = store.newest_first(), {store.before_newest(), *map(store.linked, store.links)}
        others = [digest for digest in newest if digest not in linked]
        old = others[max(0, keep - (len(newest) - len(others))) :]
        used = users(old, references)
        gone = [digest for digest in old if digest not in used]
        if check:
            return gone
        removed = [digest for digest in gone if _discard_unused(store, digest, references)]
    empty_trash(store)
    return removed


def _discard_unused(store: Store, digest: str, references: list[str]) -> bool:
    discard(store, digest)
    # A process that came in between still has it by this name, and gets it back.
    if users([digest], references):
        os.rename(f"{store.trash}/{digest}", store.release(digest))
        return False
    return True


def discard(store: Store, digest: str) -> None:
    """Take a release away in one step."""
    os.makedirs(store.trash, exist_ok=True)
    shutil.rmtree(f"{store.trash}/{digest}", ignore_errors=True)
    os.rename(store.release(digest), f"{store.trash}/{digest}")


def empty_trash(store: Store) -> None:
    """Remove what was taken away."""
    with store.switching():
        for name in os.listdir(store.trash):
            shutil.rmtree(f"{store.trash}/{name}")
