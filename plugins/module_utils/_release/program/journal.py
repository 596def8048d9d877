# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a copy: which blocks were written, and the mark of each. It is a hint, not a proof: see copy."""

from __future__ import annotations

import hashlib
import os
import struct

from .manifest import MARK

_RECORD = struct.Struct(f">8sI{MARK}s")
KEY = 8


def key(line: str) -> bytes:
    """Return a short name for a file in exactly this state."""
    return hashlib.sha256(line.encode()).digest()[:KEY]


class Journal:
    """An append-only file of records of one size."""

    def __init__(self, path: str) -> None:
        """Read the records, and cut off one that was not written completely."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        size = os.fstat(self._descriptor).st_size
        size -= size % _RECORD.size
        os.ftruncate(self._descriptor, size)
        self._marks: dict[bytes, dict[int, bytes]] = {}
        with open(path, "rb") as handle:
            for name, index, mark in _RECORD.iter_unpack(handle.read(size)):
                self._marks.setdefault(name, {})[index] = mark
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def marks(self, name: bytes) -> list[bytes]:
        """Return the marks of a file up to the first block that is missing."""
        found = self._marks.get(name, {})
        result: list[bytes] = []
        while len(result) in found:
            result.append(found[len(result)])
        return result

    def append(self, name: bytes, index: int, mark: bytes) -> None:
        """Note a block; one short write, so threads need no lock."""
        os.write(self._descriptor, _RECORD.pack(name, index, mark))

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)
