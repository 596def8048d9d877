# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing old releases: never the linked ones, never one that is in use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from typing import Any

from .errors import Refused
from .inuse import users
from .manifest import Manifest
from .store import Store, read_bytes


def releases(store: Store, references: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Return what is there, the newest first, and who uses it."""
    used = users(store.digests(), references)
    return [{**entry, "used_by": used.get(entry["digest"], [])} for entry in _newest_first(store)]


def _newest_first(store: Store) -> list[dict[str, Any]]:
    entries = [_describe(store, digest) for digest in store.digests()]
    return sorted(entries, key=lambda entry: (-entry["published"], entry["digest"]))


def _describe(store: Store, digest: str) -> dict[str, Any]:
    data = read_bytes(store.meta(digest, "manifest.json"))
    try:
        manifest = Manifest.load(data or b"")
    except Refused:
        manifest = Manifest({}, {}, 0)
    return {
        "digest": digest,
        "bytes": manifest.size,
        "files": len(manifest.files),
        "published": os.stat(store.meta(digest, "manifest.json")).st_mtime if data else 0.0,
        "current": digest == store.linked("current"),
        "previous": digest == store.linked("previous"),
    }


def prune(store: Store, keep: int, references: Iterable[str] = (), check: bool = False) -> list[str]:
    """Remove all but the newest releases, the linked ones among them; return what was removed."""
    references = list(references)
    with store.switching():
        found = _newest_first(store)
        others = [entry["digest"] for entry in found if not (entry["current"] or entry["previous"])]
        old = others[max(0, keep - (len(found) - len(others))) :]
        used = users(old, references)
        gone = [digest for digest in old if digest not in used]
        if check:
            return gone
        removed = [digest for digest in gone if _discard_unused(store, digest, references)]
    empty_trash(store)
    return removed


def _discard_unused(store: Store, digest: str, references: list[str]) -> bool:
    discard(store, digest)
    # Whoever came in between has it by this name still, and gets it back.
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
