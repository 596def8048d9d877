# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What SGLang and the routers need of a host's Python and C library: pip only says that it found nothing. PRIVATE."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

Version = tuple[int, ...]


@dataclass(frozen=True)
class Needs:
    """The oldest Python, the newest one that has a package (none where any has), and the oldest glibc (none: any)."""

    first: Version
    last: Version = ()
    glibc: Version = ()

    def take(self, python: Version) -> bool:
        """Return whether a version of Python will do."""
        return self.first <= python[:2] and (not self.last or python[:2] <= self.last)

    def words(self) -> str:
        """Return which versions of Python will do."""
        return f"{spell(self.first)} to {spell(self.last)}" if self.last else f"{spell(self.first)} or later"


# The first release -> what it and later ones need: Requires-Python and the tags of each wheel from 0.5.6 to 0.5.23. All
# of them require outlines-core 0.1.26, which has no wheel for Python 3.13.
SGLANG: tuple[tuple[Version, Needs], ...] = (
    ((0, 5, 22), Needs((3, 11), (3, 12), (2, 34))),
    ((0, 5, 11), Needs((3, 10), (3, 12), (2, 34))),
    ((0,), Needs((3, 10), (3, 12))),
)
NEWEST: Version = (0, 5, 23)
ROUTERS = {"sglang-router": Needs((3, 8)), "smg": Needs((3, 9))}
ANY = Needs((3,))


def of(distribution: str, version: str) -> Needs:
    """Return what a release of a distribution needs."""
    if distribution != "sglang":
        return ROUTERS.get(distribution, ANY)
    release = numbers(version)
    found = next(needs for since, needs in SGLANG if since <= release)
    # A later release may have packages for a later Python.
    return found if release <= NEWEST else replace(found, last=())


def numbers(text: str) -> Version:
    """Return 0.5.23.post1 as (0, 5, 23)."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[^\d.]", text)[0]))


def spell(version: Version) -> str:
    """Return (3, 11) as 3.11."""
    return ".".join(map(str, version))
