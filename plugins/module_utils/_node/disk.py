# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free space on the file systems of a host, without hanging on one that does not answer. PRIVATE to the collection."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._base.host import Root, Task

REMOTE = ("nfs", "nfs4", "lustre", "gpfs", "beegfs", "ceph", "cifs", "smb3", "glusterfs", "9p", "afs", "wekafs")


@dataclass(frozen=True)
class Mount:
    """A line of /proc/self/mountinfo."""

    point: str
    kind: str
    device: str

    @property
    def remote(self) -> bool:
        """Return whether it depends on another host, as a FUSE file system may."""
        return self.kind in REMOTE or self.kind.startswith("fuse.")


def unescape(text: str) -> str:
    r"""Return a path in which the kernel wrote white space as \040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)


def parse_mounts(text: str) -> list[Mount]:
    """Return the mounts in the order in which they were made."""
    found = []
    for line in text.splitlines():
        left, dash, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if dash and len(fields) > 4 and len(kind) > 1:
            found.append(Mount(unescape(fields[4]), kind[0], unescape(kind[1])))
    return found


def mount_of(mounts: list[Mount], path: str) -> Mount | None:
    """Return the mount that a path without links is on: the longest, and of equal ones the last."""
    best = None
    for mount in mounts:
        under = path == mount.point or path.startswith(mount.point.rstrip("/") + "/")
        if under and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def look(path: str, statvfs: Callable[[str], os.statvfs_result]) -> tuple[str, os.statvfs_result]:
    """Return the nearest existing directory, without links, and the state of its file system."""
    real = os.path.realpath(path)
    while not os.path.exists(real) and real != "/":
        real = os.path.dirname(real)
    return real, statvfs(real)


def gather(root: Root, paths: list[str], seconds: float) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the free space for each path, and what could not be gathered; one that hangs is abandoned."""
    mounts = parse_mounts(root.text("/proc/self/mountinfo"))
    tasks = {path: Task(lambda path=path: look(path, os.statvfs)) for path in paths}  # type: ignore[misc]
    deadline = time.monotonic() + seconds
    found, problems = [], []
    for path, task in tasks.items():
        answer, trouble = task.result(deadline)
        mount = mount_of(mounts, answer[0] if answer else os.path.normpath(path))
        entry: dict[str, Any] = {
            "path": path,
            "mount": mount.point if mount else None,
            "type": mount.kind if mount else None,
            "device": mount.device if mount else None,
            "remote": mount.remote if mount else None,
            "size_mib": None,
            "free_mib": None,
        }
        if answer:
            status = answer[1]
            entry["size_mib"] = status.f_blocks * status.f_frsize >> 20
            entry["free_mib"] = status.f_bavail * status.f_frsize >> 20
        else:
            problems.append(f"{path} on {entry['mount']} ({entry['type']} {entry['device']}): {trouble}")
        found.append(entry)
    return found, problems
