# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files with a wanted text, mode and owner: what differs, and writing it."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class File:
    """A wanted file; its text may be a secret and so is in no representation."""

    path: str
    text: str = field(repr=False)
    mode: int
    owner: str = "root"
    group: str = "root"
    secret: bool = False
    bulky: bool = False


@dataclass(frozen=True)
class Directory:
    """A wanted directory."""

    path: str
    mode: int
    owner: str = "root"
    group: str = "root"


def read(path: str) -> str | None:
    """Return a file's text, None where there is no file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except FileNotFoundError:
        return None


def ids(owner: str, group: str) -> tuple[int, int] | None:
    """Return uid and gid; None where the account is not there (yet)."""
    try:
        return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def attributes_differ(item: File | Directory) -> bool:
    """Return whether mode or owner of an existing path differ."""
    status = os.lstat(item.path)
    return stat.S_IMODE(status.st_mode) != item.mode or (status.st_uid, status.st_gid) != ids(item.owner, item.group)


def differs(item: File | Directory) -> bool:
    """Return whether anything of it must be made or changed."""
    if isinstance(item, Directory):
        return not os.path.isdir(item.path) or attributes_differ(item)
    return read(item.path) != item.text or attributes_differ(item)


def _set_attributes(path: str, item: File | Directory) -> None:
    owner = ids(item.owner, item.group)
    if owner is None:
        raise ValueError(f"{item.path}: there is no user {item.owner} or no group {item.group} on this host")
    os.chown(path, *owner)
    os.chmod(path, item.mode)


def ensure(item: File | Directory) -> None:
    """Write it; a file is replaced in one step, never half written and never readable too widely."""
    if isinstance(item, Directory):
        os.makedirs(item.path, exist_ok=True)
        _set_attributes(item.path, item)
        return
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(item.path), prefix=".multinode.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(item.text)
        _set_attributes(temporary, item)
        os.replace(temporary, item.path)
    except BaseException:
        os.unlink(temporary)
        raise


def file_diff(item: File) -> dict[str, Any]:
    """Return the element of a module's diff for a file; a bulky one shows its digest only."""
    before = read(item.path)
    if not item.bulky:
        return diff_entry(item.path, before, item.text, item.secret)
    return diff_entry(item.path, None if before is None else _fingerprint(before), _fingerprint(item.text))


def removal_diff(path: str) -> dict[str, Any]:
    """Return the element of a module's diff for what is removed, whatever it is; a file shows its digest only."""
    if os.path.islink(path):
        return diff_entry(path, f"link to {os.readlink(path)}\n", None)
    if os.path.isfile(path):
        return diff_entry(path, _fingerprint(read(path) or ""), None)
    return diff_entry(path, "directory\n" if os.path.isdir(path) else "special file\n", None)


def _fingerprint(text: str) -> str:
    return f"sha256 {hashlib.sha256(text.encode()).hexdigest()}\n"


def diff_entry(path: str, before: str | None, after: str | None, secret: bool = False) -> dict[str, Any]:
    """Return an element of a module's diff; a secret shows only that it changed."""
    if secret:
        before = None if before is None else "«secret»\n"
        after = None if after is None else ("«changed»\n" if before else "«secret»\n")
    return {"before_header": path, "after_header": path, "before": before or "", "after": after or ""}
