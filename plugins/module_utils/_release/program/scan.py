# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List a directory as text that can be compared in one step."""

from __future__ import annotations

import os
import stat

from .errors import Refused

FILE, EXECUTABLE, LINK = "f", "x", "l"


class Item:
    """A file or a link, and what stat says about it."""

    __slots__ = ("ctime_ns", "ino", "kind", "mtime_ns", "path", "size")

    def __init__(self, path: str, kind: str, status: os.stat_result) -> None:
        """Keep what identifies its content."""
        self.path = path
        self.kind = kind
        self.size = status.st_size
        self.mtime_ns = status.st_mtime_ns
        self.ctime_ns = status.st_ctime_ns
        self.ino = status.st_ino

    def same_content(self, status: os.stat_result) -> bool:
        """Return whether nothing has been written since."""
        return (self.size, self.mtime_ns, self.ctime_ns) == (status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def line(self) -> str:
        """Return the item as one line, without the inode, which a file server may change."""
        return f"{self.kind} {self.size} {self.mtime_ns} {self.ctime_ns} {self.path}\n"

    def local_line(self) -> str:
        """Return the item as one line, with the inode."""
        return f"{self.kind} {self.size} {self.mtime_ns} {self.ctime_ns} {self.ino} {self.path}\n"


def check_path(path: str) -> None:
    """Refuse a path that cannot be in a manifest, or would lead out of a release."""
    if not path.isprintable() or any(part in {"", ".", ".."} for part in path.split("/")):
        raise Refused(f"{path!r} cannot be the path of a file in a release; rename it")


def scan(root: str, exact: bool = False, skip: frozenset[str] = frozenset()) -> list[Item]:
    """Return everything below a directory, sorted by path. exact: links stay links, and execute permissions count."""
    items: list[Item] = []
    inside = homes(root)
    pending = [""]
    while pending:
        prefix = pending.pop()
        with os.scandir(f"{root}/{prefix}") as entries:
            for entry in entries:
                if not entry.name.isprintable():
                    check_path(entry.name)
                # NFS clients keep removed files that are open under such names.
                if entry.name in skip or entry.name.startswith(".nfs"):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{prefix}{entry.name}/")
                else:
                    items.append(_item(entry, f"{prefix}{entry.name}", exact, inside))
    items.sort(key=lambda item: item.path)
    return items


def homes(root: str) -> tuple[str, ...]:
    """Return the directories that a source has its files in: itself, and the blobs that a hub's snapshot links to.

    The copy runs as root. A link to anywhere else would give every file of this host to whoever can write the source.
    """
    real = os.path.realpath(root)
    repository = os.path.dirname(os.path.dirname(real))
    blobs = [f"{repository}/blobs/"] if os.path.basename(os.path.dirname(real)) == "snapshots" else []
    return (f"{real}/", *blobs)


def _item(entry: os.DirEntry[str], path: str, exact: bool, inside: tuple[str, ...]) -> Item:
    if exact and entry.is_symlink():
        return Item(path, LINK, entry.stat(follow_symlinks=False))
    if entry.is_symlink() and not os.path.realpath(entry.path).startswith(inside):
        raise Refused(
            f"{entry.path} leads to {os.path.realpath(entry.path)}, outside of the source; "
            "copy the file into the source instead of the link"
        )
    try:
        status = entry.stat()
    except FileNotFoundError:
        raise Refused(f"{entry.path} is a link that leads nowhere; complete the source") from None
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{entry.path} is neither a file nor a link to one; remove it from the source")
    return Item(path, EXECUTABLE if exact and status.st_mode & 0o111 else FILE, status)


def source_text(items: list[Item]) -> str:
    """Return what identifies the state of a source."""
    return "".join(item.line() for item in items)


def local_text(items: list[Item]) -> str:
    """Return what identifies the state of a release on this host."""
    return "".join(item.local_line() for item in items)
