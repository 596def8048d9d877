# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write blocks past the page cache, or through it where the file system refuses O_DIRECT."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat

ALIGNMENT = 4096
# Below this a file is not worth the alignment.
_SMALLEST = 1 << 20


def buffer(size: int) -> memoryview:
    """Return memory that starts at a page, as O_DIRECT needs it."""
    return memoryview(mmap.mmap(-1, size))


def _aligned(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT


class _File:
    """A file that is open with O_DIRECT for as long as that works."""

    def __init__(self, path: str, flags: int, size: int) -> None:
        self.direct = size >= _SMALLEST
        try:
            self.descriptor = os.open(path, flags | os.O_CLOEXEC | (os.O_DIRECT if self.direct else 0), 0o644)
        except OSError as error:
            if not self.direct or error.errno != errno.EINVAL:
                raise
            self.direct = False
            self.descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)

    def falls_back(self, error: OSError) -> bool:
        """Go on through the page cache where O_DIRECT was refused, perhaps after a short read; return whether."""
        if not self.direct or error.errno != errno.EINVAL:
            return False
        flags = fcntl.fcntl(self.descriptor, fcntl.F_GETFL)
        fcntl.fcntl(self.descriptor, fcntl.F_SETFL, flags & ~os.O_DIRECT)
        self.direct = False
        return True


class Reader(_File):
    """A file to read blocks from."""

    def __init__(self, path: str, size: int) -> None:
        """Open it."""
        super().__init__(path, os.O_RDONLY, size)

    def read(self, view: memoryview, length: int, offset: int) -> int:
        """Fill the start of a buffer; return the number of bytes, which is smaller only at the end of the file."""
        done = 0
        while done < length:
            end = _aligned(length) if self.direct else length
            try:
                count = os.preadv(self.descriptor, [view[done:end]], offset + done)
            except OSError as error:
                if self.falls_back(error):
                    continue
                raise
            if count == 0:
                break
            done += count
        return min(done, length)

    def close(self) -> None:
        """Close it, and leave the page cache to others."""
        if not self.direct:
            os.posix_fadvise(self.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        super().close()


class Writer(_File):
    """A file to write blocks to."""

    def __init__(self, path: str, size: int) -> None:
        """Open or create it; its content stays."""
        if os.path.exists(path) and not os.access(path, os.W_OK):
            os.chmod(path, 0o644)
        super().__init__(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, size)

    def write(self, view: memoryview, length: int, offset: int) -> None:
        """Write the start of a buffer; beyond the end of the file there may be more until `finish`."""
        done = 0
        while done < length:
            end = _aligned(length) if self.direct else length
            try:
                done += os.pwritev(self.descriptor, [view[done:end]], offset + done)
            except OSError as error:
                if not self.falls_back(error):
                    raise

    def finish(self, size: int, mode: int) -> None:
        """Give the file its size and mode, and make it durable."""
        os.ftruncate(self.descriptor, size)
        if stat.S_IMODE(os.fstat(self.descriptor).st_mode) != mode:
            os.fchmod(self.descriptor, mode)
        os.fsync(self.descriptor)
