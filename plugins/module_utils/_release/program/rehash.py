# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hash the files of a release again."""

from __future__ import annotations

import hashlib
import os

from .directio import Reader
from .errors import Refused
from .manifest import MARK, RESERVED, Entry, Manifest, name_of
from .pool import Pool
from .report import Report, links_differ
from .scan import EXECUTABLE, LINK, Item
from .store import Store, read_bytes

_THREADS = 8
_MEMORY = 64 << 20


def load(store: Store, digest: str) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest of a release and the marks of its files; refuse damaged ones."""
    data, marks = read_bytes(store.meta(digest, "manifest.json")), read_bytes(store.meta(digest, "marks"))
    if data is None or marks is None or name_of(data) != digest:
        raise Refused("the manifest of the release is damaged")
    manifest = Manifest.load(data)
    return manifest, manifest.split_marks(marks)


def examine(store: Store, report: Report, items: list[Item], known: set[str]) -> None:
    """Compare a release with its manifest; files whose line is known are not read."""
    manifest, marks = load(store, report.digest)
    path = store.release(report.digest)
    inside = [item for item in items if not item.path.startswith(f"{RESERVED}/")]
    found = {item.path for item in inside}
    report.problems.update({name: "missing" for name in manifest.files if name not in found})
    report.problems.update(
        {name: "not in the manifest" for name in found if name not in manifest.files and name not in manifest.links}
    )
    report.problems.update(links_differ(path, inside, manifest.links))

    def check(item: Item, view: memoryview) -> None:
        entry = manifest.files[item.path]
        problem = _problem(f"{path}/{item.path}", entry, item, marks[item.path], view)
        if problem:
            report.problems[item.path] = problem
        else:
            report.rehashed.append(item.path)

    doubtful = [
        item for item in inside if item.path in manifest.files and item.kind != LINK and item.local_line() not in known
    ]
    report.problems.update(
        {item.path: "a link" for item in inside if item.path in manifest.files and item.kind == LINK}
    )
    doubtful.sort(key=lambda item: -item.size)
    Pool(_THREADS, max(_MEMORY, manifest.block), manifest.block).run(doubtful, check, lambda: None)
    report.rehashed.sort()


def _problem(path: str, entry: Entry, item: Item, marks: bytes, view: memoryview) -> str:
    """Return what is wrong with a file, and where; empty if nothing is."""
    if item.size != entry.size:
        return f"{item.size} bytes instead of {entry.size}"
    if (item.kind == EXECUTABLE) != entry.executable:
        return "executable" if item.kind == EXECUTABLE else "not executable"
    try:
        reader = Reader(path, item.size)
    except OSError as error:
        return os.strerror(error.errno or 0)
    total, block = hashlib.sha256(), len(view)
    try:
        for index in range(len(marks) // MARK):
            offset = index * block
            count = reader.read(view, min(block, item.size - offset), offset)
            total.update(view[:count])
            if total.copy().digest() != marks[index * MARK : (index + 1) * MARK]:
                return f"damaged in the {block} bytes at {offset}"
    except OSError as error:
        return os.strerror(error.errno or 0)
    finally:
        reader.close()
    return "" if total.hexdigest() == entry.sha256 else "its SHA-256 differs"
