# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the blocks of a file come from: the source, or other hosts and the source behind them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from .directio import Reader
from .errors import Refused, explain
from .progress import Meter
from .scan import Item


class Source:
    """A directory that is read, and watched for changes."""

    def __init__(self, root: str, block: int, meter: Meter) -> None:
        """Keep where it is."""
        self.root, self.block, self.meter = root, block, meter

    def blocks(self, item: Item, end: int, check: Callable[[], None]) -> Blocks:
        """Return a reader of the blocks of a file before `end`; `check` ends a wait when the work is to end."""
        del end, check
        return Blocks(self, item)

    def own_blocks(self, item: Item) -> Blocks:
        """Return a reader that asks nobody but the source."""
        return Blocks(self, item)

    def offer(self, root: str, files: list[tuple[str, str, int, bytearray]]) -> None:
        """Take note of the files that come to a directory: line, path and size of each, and its marks, which grow."""

    def moved(self, root: str) -> None:
        """Take note that the files are in another directory now."""

    def taken(self) -> None:
        """Take note that a block is on the disk."""

    def end(self, serve: bool) -> None:
        """Take note that the copy has ended, well or not."""

    # Whether this host reads for the others, too, what nothing but the source says; see peers.
    witness = False

    def proved(self, paths: frozenset[str], few: bool) -> None:
        """Take note of the files whose SHA-256 is known: it does not matter who gives them. few: in bytes of all."""

    def vouch(self, digest: str) -> None:
        """Take note of the release that this host has made."""

    def second_reading(self, tick: Callable[[], None]) -> str | None:
        """Return the digest that another reader of the source has found; None where there is none to ask."""
        del tick
        return None

    def confirm(self, item: Item) -> None:
        """Refuse a file that has changed since it was listed."""
        try:
            # Opening is when an NFS client asks the server again.
            descriptor = os.open(f"{self.root}/{item.path}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise explain(error, "while the source was read") from error
        try:
            refuse_change(item, os.fstat(descriptor))
        finally:
            os.close(descriptor)


class Blocks:
    """The blocks of one file of the source."""

    def __init__(self, source: Source, item: Item) -> None:
        """Open the file when the first block is wanted."""
        self._source, self._item = source, item
        self._reader: Reader | None = None

    def read(self, view: memoryview, length: int, index: int) -> bytes:
        """Fill the buffer; return the expected mark of the block, empty if unknown."""
        try:
            if self._reader is None:
                self._reader = Reader(f"{self._source.root}/{self._item.path}", self._item.size)
                refuse_change(self._item, os.fstat(self._reader.descriptor))
            count = self._reader.read(view, length, index * self._source.block)
        except OSError as error:
            number = error.errno or errno.EIO
            raise explain(OSError(number, os.strerror(number), self._item.path), "while the source was read") from error
        if count < length:
            raise changed(self._item)
        self._source.meter.add(read=length)
        return b""

    def reject(self, index: int) -> None:
        """Refuse a block that differs from the release."""
        raise Refused(f"{self._item.path}: block {index} of the source differs from the release; check the source")

    def close(self) -> None:
        """Close the file."""
        if self._reader:
            self._reader.close()


def refuse_change(item: Item, status: os.stat_result) -> None:
    """Refuse a file that has been written since it was listed."""
    if not item.same_content(status):
        raise changed(item)


def changed(item: Item) -> Refused:
    """Return the refusal of such a file."""
    return Refused(f"{item.path} has changed at the source while it was copied; run again when the source is complete")
