# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy files: one pass reads, hashes and writes each block; what an earlier run has left is hashed again."""

from __future__ import annotations

import hashlib
import os

from .directio import Reader, Writer
from .errors import Refused
from .journal import Journal, key
from .manifest import Entry
from .manifest import blocks as blocks_of
from .origin import Blocks, Source
from .pool import Pool
from .scan import EXECUTABLE, Item


class Transfer:
    """Where files come from and go to."""

    def __init__(self, source: Source, tree: str, journal: Journal, pool: Pool) -> None:
        """Keep the parts."""
        self.source, self.tree, self.journal, self.pool = source, tree, journal, pool
        self.block, self.meter = source.block, source.meter


class Job:
    """One file: how far it is, and the state of its hash there."""

    def __init__(self, item: Item) -> None:
        """Start with nothing read."""
        self.item = item
        self.wanted = ""
        self.known = b""
        self.marks = bytearray()
        self.finished = False
        # Whether it was read a second time, from the source itself: only then is the source to blame.
        self.again = False
        self._begun = False
        self._hash = hashlib.sha256()
        self._key = key(self.item.line())

    def advance(self, transfer: Transfer, view: memoryview, limit: int) -> None:
        """Copy until this many blocks are here; a complete file gets its mode and is made durable."""
        if self.finished:
            return
        target = f"{transfer.tree}/{self.item.path}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        writer = Writer(target, self.item.size)
        try:
            if not self._begun:
                self._begun = True
                self._resume(transfer, view, target)
            count = blocks_of(self.item.size, transfer.block)
            if self._done < min(limit, count):
                self._copy(transfer, view, writer, min(limit, count))
            if self._done == count:
                self._finish(transfer, view, writer)
        finally:
            writer.close()

    @property
    def _done(self) -> int:
        return len(self.marks) // self._hash.digest_size

    def _take(self, data: memoryview) -> bytes:
        self._hash.update(data)
        return self._hash.copy().digest()

    def _resume(self, transfer: Transfer, view: memoryview, target: str) -> None:
        marks = transfer.journal.marks(self._key)
        if not marks:
            return
        reader = Reader(target, self.item.size)
        try:
            for index, mark in enumerate(marks):
                transfer.pool.check()
                length = min(transfer.block, self.item.size - index * transfer.block)
                before = self._hash.copy()
                if reader.read(view, length, index * transfer.block) < length or self._take(view[:length]) != mark:
                    self._hash = before
                    break
                self.marks += mark
                transfer.meter.add(kept=length)
        finally:
            reader.close()

    def _copy(self, transfer: Transfer, view: memoryview, writer: Writer, limit: int) -> None:
        source = transfer.source
        if self.again and not self._done:
            transfer.meter.repeat(self.item.size)
        blocks = source.own_blocks(self.item) if self.again else source.blocks(self.item, limit, transfer.pool.check)
        try:
            while self._done < limit:
                transfer.pool.check()
                self._block(transfer, view, blocks, writer)
        finally:
            blocks.close()

    def _block(self, transfer: Transfer, view: memoryview, blocks: Blocks, writer: Writer) -> None:
        index, before = self._done, self._hash.copy()
        length = min(transfer.block, self.item.size - index * transfer.block)
        told = blocks.read(view, length, index)
        mark = self._take(view[:length])
        known = self.known[index * len(mark) : (index + 1) * len(mark)] or told
        if known and mark != known:
            self._hash = before
            blocks.reject(index)
            return
        writer.write(view, length, index * transfer.block)
        transfer.journal.append(self._key, index, mark)
        self.marks += mark
        transfer.source.taken()

    def _finish(self, transfer: Transfer, view: memoryview, writer: Writer) -> None:
        transfer.source.confirm(self.item)
        self.finished = True
        if self.want(self.wanted):
            self._copy(transfer, view, writer, blocks_of(self.item.size, transfer.block))
            transfer.source.confirm(self.item)
            self.finished = True
            self.want(self.wanted)
        writer.finish(self.item.size, 0o555 if self.item.kind == EXECUTABLE else 0o444)
        transfer.meter.add(files=1)

    def want(self, digest: str) -> bool:
        """Take the expected SHA-256 of the file, empty if unknown; return whether the file must be read again.

        One misread, or a host that gave wrong blocks, must not count as a damaged source, now and in all later runs.
        So a file that is complete and has another digest starts again; the second time it is refused.
        """
        self.wanted = digest
        if not digest or not self.finished or digest == self._hash.hexdigest():
            return False
        if self.again:
            raise Refused(
                f"{self.item.path}: SHA-256 {self._hash.hexdigest()} (expected {digest}, from the list that came with "
                "the model); the file is damaged at the source: download it again"
            )
        self.restart()
        return True

    @property
    def proved(self) -> bool:
        """Return whether another than the one who gave the blocks says that they are right."""
        return self.again or bool(self.wanted or self.known)

    def restart(self) -> None:
        """Forget what was read, whoever gave it; it is read again from the source itself."""
        # In place: the hosts that copy from this one see the same marks.
        del self.marks[:]
        self._hash = hashlib.sha256()
        self.finished, self.again, self._begun = False, True, True

    def entry(self) -> Entry:
        """Return the file as the manifest has it."""
        marks = hashlib.sha256(self.marks).hexdigest()
        return Entry(self.item.size, self._hash.hexdigest(), marks, self.item.kind == EXECUTABLE)
