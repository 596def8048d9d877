# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the releases that processes and units use: their digest is in what the kernel and systemd know about them."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable

# A path below a release is in one of these: an argument names it, a file is mapped, or a container mounts the release.
_FILES = ("cmdline", "environ", "maps", "mountinfo")
_LINKS = ("cwd", "root", "exe")


def users(digests: Iterable[str], references: Iterable[str]) -> dict[str, list[str]]:
    """Return what uses each release: processes, and files such as units that name it."""
    names = {digest: digest.encode() for digest in digests}
    if not names:
        return {}
    found: dict[str, list[str]] = {digest: [] for digest in names}
    for pattern in references:
        for path in sorted(glob.glob(pattern)):
            _note(found, names, _read(path), path)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) != os.getpid():
            _note(found, names, _everything(f"/proc/{pid}"), f"process {pid}")
    return {digest: who for digest, who in found.items() if who}


def _note(found: dict[str, list[str]], names: dict[str, bytes], text: bytes, who: str) -> None:
    for digest, name in names.items():
        if name in text:
            found[digest].append(who)


def _everything(path: str) -> bytes:
    links = [*(f"{path}/{name}" for name in _LINKS), *_descriptors(f"{path}/fd")]
    return b"\n".join([*(_read(f"{path}/{name}") for name in _FILES), *map(_target, links)])


def _descriptors(path: str) -> list[str]:
    try:
        return [f"{path}/{name}" for name in os.listdir(path)]
    except OSError:
        return []


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except OSError:
        # The process has ended, or is the kernel's.
        return b""


def _target(path: str) -> bytes:
    try:
        return os.fsencode(os.readlink(path))
    except OSError:
        return b""
