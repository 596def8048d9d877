# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: which files a release has, and the SHA-256 of each. Its own SHA-256 is the name of the release."""

from __future__ import annotations

import hashlib
import json
import re

from .errors import Refused
from .scan import check_path

FORMAT = 1
MARK = hashlib.sha256().digest_size
RESERVED = ".release"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Entry:
    """A file of a release."""

    __slots__ = ("executable", "marks", "sha256", "size")

    def __init__(self, size: int, sha256: str, marks: str, executable: bool) -> None:
        """Keep its size, its SHA-256, the SHA-256 of its marks, and whether it is executable."""
        self.size = size
        self.sha256 = sha256
        self.marks = marks
        self.executable = executable


class Manifest:
    """All files and links of a release."""

    def __init__(self, files: dict[str, Entry], links: dict[str, str], block: int) -> None:
        """Keep the parts."""
        self.files = files
        self.links = links
        self.block = block

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(entry.size for entry in self.files.values())

    def dump(self) -> bytes:
        """Return the one text of this manifest."""
        files = {
            path: {
                "size": entry.size,
                "sha256": entry.sha256,
                "marks": entry.marks,
                **({"executable": True} if entry.executable else {}),
            }
            for path, entry in self.files.items()
        }
        value = {"format": FORMAT, "block": self.block, "files": files, "links": self.links}
        return (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode()

    @classmethod
    def load(cls, data: bytes) -> Manifest:
        """Read a manifest; refuse one that is not exactly as it would be written."""
        try:
            value = json.loads(data)
            files = {
                path: Entry(int(item["size"]), item["sha256"], item["marks"], bool(item.get("executable")))
                for path, item in value["files"].items()
            }
            links = {path: str(target) for path, target in value["links"].items()}
            manifest = cls(files, links, int(value["block"]))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise Refused(f"this is not the manifest of a release: {error!r}") from None
        if value.get("format") != FORMAT or manifest.dump() != data:
            raise Refused(
                f"this is not a manifest of format {FORMAT}; copy the release again with this version of the collection"
            )
        manifest._check()
        return manifest

    def _check(self) -> None:
        if self.block <= 0 or self.block % 4096:
            raise Refused(f"a manifest has blocks of {self.block} bytes, which is not a multiple of 4096")
        for path in (*self.files, *self.links):
            check_path(path)
            if path.split("/")[0] == RESERVED:
                raise Refused(f"{path} is a name that releases use themselves; rename it at the source")
        for path, entry in self.files.items():
            if entry.size < 0 or not _DIGEST.fullmatch(str(entry.sha256)) or not _DIGEST.fullmatch(str(entry.marks)):
                raise Refused(f"the manifest's entry of {path} has no valid size and SHA-256")

    def split_marks(self, data: bytes) -> dict[str, bytes]:
        """Return the marks of each file; refuse marks that differ from the manifest."""
        found, start = {}, 0
        for path in sorted(self.files):
            end = start + blocks(self.files[path].size, self.block) * MARK
            found[path] = data[start:end]
            start = end
            if hashlib.sha256(found[path]).hexdigest() != self.files[path].marks:
                raise Refused(f"the marks of {path} differ from the manifest")
        return found


def blocks(size: int, block: int) -> int:
    """Return how many blocks a file has."""
    return -(-size // block)


def name_of(data: bytes) -> str:
    """Return the digest that names a release, from the bytes of its manifest."""
    return hashlib.sha256(data).hexdigest()
