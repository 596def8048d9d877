# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What differs between SGLang releases besides their options, read in their source."""

from __future__ import annotations

import re

from .errors import PlanError

# 0.5.23 is (0, 5, 23), 0.5.15.post1 is (0, 5, 15, 1), and what is no release at all, such as 0.5.23rc1, ends in -1.
Version = tuple[int, ...]
_RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:\.post(\d+))?")

OLDEST: Version = (0, 5, 6)
NEWEST: Version = (0, 5, 23)
# From here on attention data parallelism is --attn-dp-size N; before it is --dp-size N --enable-dp-attention.
ATTN_DP_SIZE: Version = (0, 5, 22)
# The rust server answers for the bootstrap server on the port of the API; read in 0.5.23 only.
RUST_BOOTSTRAP: Version = (0, 5, 23)
# nixl uses --disaggregation-ib-device here (disaggregation/nixl/conn.py); the first release that does is not known.
NIXL_DEVICES = (0, 5, 23)


def parse_version(text: object, variable: str, example: Version = NEWEST) -> Version:
    """Turn "0.5.23" into (0, 5, 23)."""
    if not isinstance(text, str) or not _RELEASE.match(text):
        raise PlanError(f'{variable}: {text!r} is not a release; write it in quotes, such as "{spell(example)}"')
    return _numbers(text)


def _numbers(release: str) -> Version:
    match = _RELEASE.match(release)
    if match is None:
        return ()
    numbers = tuple(int(part) for part in match.groups() if part is not None)
    return numbers if match.end() == len(release) else (*numbers, -1)


def by_age(release: str) -> tuple[Version, str]:
    """Return the key that sorts releases: older ones first."""
    return _numbers(release), release


def spell(version: Version) -> str:
    """Turn (0, 5, 23) into "0.5.23"."""
    first, rest = ".".join(str(part) for part in version[:3]), [part for part in version[3:] if part >= 0]
    unreleased = " (not a release)" if version[-1] < 0 else ""
    return first + "".join(f".post{part}" for part in rest) + unreleased
