# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts an NFS export for reading without the kernel's client, which not every machine under the lab has.

It stands where mount(8) looks for its helper: mount.nfs SERVER:EXPORT FOLDER -o OPTIONS. libnfs speaks NFS 3 to the
ports that the server tells; the options are for the kernel's client.
"""

from __future__ import annotations

import ctypes
import errno
import sys
from collections.abc import Iterator
from typing import Any

from fusepy import FUSE, FuseOSError, Operations

# What libnfs 4 tells of a file, in its order; each is an unsigned number of 64 bits.
FIELDS = (
    "st_dev", "st_ino", "st_mode", "st_nlink", "st_uid", "st_gid", "st_rdev", "st_size", "st_blksize", "st_blocks",
    "st_atime", "st_mtime", "st_ctime", "atime_ns", "mtime_ns", "ctime_ns", "used",
)  # fmt: skip
PATH_MAX = 4096
TIMES = ("atime", "mtime", "ctime")


class Entry(ctypes.Structure):
    """The beginning of what libnfs has for a name in a directory."""

    _fields_ = [("next", ctypes.c_void_p), ("name", ctypes.c_char_p)]


class Export(Operations):
    """A mounted export; all times are in nanoseconds."""

    use_ns = True

    def __init__(self, server: str, export: str) -> None:
        """Mount it, or raise an OSError."""
        self._lib = ctypes.CDLL("libnfs.so.13")
        self._lib.nfs_init_context.restype = ctypes.c_void_p
        self._lib.nfs_get_error.restype = ctypes.c_char_p
        self._lib.nfs_readdir.restype = ctypes.POINTER(Entry)
        self._nfs = ctypes.c_void_p(self._lib.nfs_init_context())
        self._call("nfs_mount", server.encode(), export.encode())

    def _call(self, name: str, *arguments: Any) -> int:
        code = int(getattr(self._lib, name)(self._nfs, *arguments))
        if code < 0:
            raise OSError(-code, (self._lib.nfs_get_error(self._nfs) or b"").decode(errors="replace"))
        return code

    def __call__(self, op: str, *args: Any) -> Any:
        """Give every failure the number that the kernel hands on."""
        try:
            return super().__call__(op, *args)
        except OSError as error:
            raise FuseOSError(error.errno or errno.EIO) from error

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        """Return what stat shows."""
        del fh
        numbers = (ctypes.c_uint64 * len(FIELDS))()
        self._call("nfs_lstat64", path.encode(), ctypes.byref(numbers))
        found = dict(zip(FIELDS, numbers, strict=True))
        return {**found, **{f"st_{name}": found[f"st_{name}"] * 10**9 + found[f"{name}_ns"] for name in TIMES}}

    def readdir(self, path: str, fh: int) -> Iterator[str]:
        """Return the names in a directory."""
        del fh
        folder = ctypes.c_void_p()
        self._call("nfs_opendir", path.encode(), ctypes.byref(folder))
        while entry := self._lib.nfs_readdir(self._nfs, folder):
            yield entry.contents.name.decode(errors="surrogateescape")
        self._lib.nfs_closedir(self._nfs, folder)

    def readlink(self, path: str) -> str:
        """Return where a link leads to."""
        target = ctypes.create_string_buffer(PATH_MAX)
        self._call("nfs_readlink", path.encode(), target, PATH_MAX)
        return target.value.decode(errors="surrogateescape")

    def open(self, path: str, flags: int) -> int:
        """Return the address of what libnfs keeps for an open file."""
        handle = ctypes.c_void_p()
        self._call("nfs_open", path.encode(), flags & 3, ctypes.byref(handle))
        return handle.value or 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Return bytes of an open file; an answer may have fewer than were asked for."""
        del path
        buffer, got = ctypes.create_string_buffer(size), 0
        while got < size:
            where = ctypes.byref(buffer, got)
            more = self._call(
                "nfs_pread", ctypes.c_void_p(fh), ctypes.c_uint64(offset + got), ctypes.c_uint64(size - got), where
            )
            if not more:
                break
            got += more
        return buffer.raw[:got]

    def release(self, path: str, fh: int) -> None:
        """Close a file."""
        del path
        self._call("nfs_close", ctypes.c_void_p(fh))


def main(words: list[str]) -> None:
    """Mount, and go on in the background."""
    source, folder = words[:2]
    server, _colon, path = source.rpartition(":")
    try:
        export = Export(server, path)
    except OSError as error:
        sys.exit(f"mount.nfs: {source}: {error}")
    # One thread, because a connection of libnfs is no more than that.
    FUSE(export, folder, nothreads=True, ro=True, allow_other=True, use_ino=True, fsname=source, subtype="nfs")


if __name__ == "__main__":
    main(sys.argv[1:])
