# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying files: one pass reads, hashes and writes each block; what an earlier run has left is hashed again before it counts."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass, field

from .directio import Reader, Writer
from .errors import Refused, explain
from .journal import Journal, key
from .manifest import Entry, blocks
from .pool import Pool
from .progress import Meter
from .scan import EXECUTABLE, Item


@dataclass
class Transfer:
    """Where files come from and go to."""

    source: str
    tree: str
    block: int
    journal: Journal
    meter: Meter
    pool: Pool


@dataclass
class Job:
    """One file: how far it is, and the state of its hash there."""

    item: Item
    wanted: str = ""
    known: bytes = b""
    marks: bytearray = field(default_factory=bytearray)
    begun: bool = False
    finished: bool = False

    def __post_init__(self) -> None:
        """Start with nothing read."""
        self._hash = hashlib.sha256()
        self._key = key(self.item.line())

    def advance(self, transfer: Transfer, view: memoryview, limit: int) -> None:
        """Copy until this many blocks are here; a file that is whole gets its mode and is made durable."""
        if self.finished:
            return
        target = f"{transfer.tree}/{self.item.path}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        writer = Writer(target, self.item.size)
        try:
            if not self.begun:
                self.begun = True
                self._resume(transfer, view, target)
            count = blocks(self.item.size, transfer.block)
            if self._done < min(limit, count):
                self._copy(transfer, view, writer, min(limit, count))
            if self._done == count:
                self._finish(transfer, writer)
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
        path = f"{transfer.source}/{self.item.path}"
        try:
            reader = Reader(path, self.item.size)
        except OSError as error:
            raise explain(error, "while the source was read") from error
        try:
            self._refuse_change(os.fstat(reader.descriptor))
            while self._done < limit:
                transfer.pool.check()
                self._block(transfer, view, reader, writer)
        finally:
            reader.close()

    def _block(self, transfer: Transfer, view: memoryview, reader: Reader, writer: Writer) -> None:
        index = self._done
        offset = index * transfer.block
        length = min(transfer.block, self.item.size - offset)
        try:
            count = reader.read(view, length, offset)
        except OSError as error:
            raise explain(_named(error, self.item.path), "while the source was read") from error
        if count < length:
            raise self._changed()
        mark = self._take(view[:length])
        size = len(mark)
        if self.known and self.known[index * size : (index + 1) * size] != mark:
            raise Refused(f"{self.item.path}: block {index} of the source is not that of the release; the source is damaged or another one")
        writer.write(view, length, offset)
        transfer.journal.append(self._key, index, mark)
        self.marks += mark
        transfer.meter.add(read=length)

    def _finish(self, transfer: Transfer, writer: Writer) -> None:
        try:
            # Opening is when an NFS client asks the server again.
            descriptor = os.open(f"{transfer.source}/{self.item.path}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise explain(error, "while the source was read") from error
        try:
            self._refuse_change(os.fstat(descriptor))
        finally:
            os.close(descriptor)
        self.finished = True
        self.want(self.wanted)
        writer.finish(self.item.size, 0o555 if self.item.kind == EXECUTABLE else 0o444)
        transfer.meter.add(files=1)

    def want(self, digest: str) -> None:
        """Take the SHA-256 that the file must have, empty if nobody knows it, and refuse a file that has another."""
        self.wanted = digest
        if digest and self.finished and digest != self._hash.hexdigest():
            raise Refused(
                f"{self.item.path}: what came with the model says SHA-256 {digest}, the file has {self._hash.hexdigest()}; "
                "it is damaged at the source: get it again"
            )

    def _refuse_change(self, status: os.stat_result) -> None:
        if not self.item.same_content(status):
            raise self._changed()

    def _changed(self) -> Refused:
        return Refused(f"{self.item.path} has changed at the source while it was copied; run again when the source is complete")

    def entry(self) -> Entry:
        """Return the file as the manifest has it."""
        marks = hashlib.sha256(self.marks).hexdigest()
        return Entry(self.item.size, self._hash.hexdigest(), marks, self.item.kind == EXECUTABLE)


def _named(error: OSError, path: str) -> OSError:
    return OSError(error.errno or errno.EIO, os.strerror(error.errno or errno.EIO), path)
