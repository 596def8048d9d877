# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What differs between SGLang releases, read in the source of 0.5.6, 0.5.10, 0.5.15, 0.5.20, 0.5.22 and 0.5.23."""

from __future__ import annotations

import re

from .errors import PlanError

Version = tuple[int, ...]
_RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)")

OLDEST: Version = (0, 5, 6)
NEWEST: Version = (0, 5, 23)
# From here on attention data parallelism is --attn-dp-size N; before it is --dp-size N --enable-dp-attention.
ATTN_DP_SIZE: Version = (0, 5, 22)
# Absent in 0.5.10, present in 0.5.15: refused below the first release in which it was seen.
MOONCAKE_TCP: Version = (0, 5, 15)
# The rust server answers for the bootstrap server on the port of the API; read in 0.5.23 only.
RUST_BOOTSTRAP: Version = (0, 5, 23)
# nixl uses --disaggregation-ib-device here (disaggregation/nixl/conn.py); the first release that does is not known.
NIXL_DEVICES = (0, 5, 23)
# Options that the table of the newest release has and older releases do not: option -> first release it was seen in.
OPTION_SINCE: dict[str, Version] = {
    "attn-dp-size": (0, 5, 22),
    "disaggregation-decode-allocation-policy": (0, 5, 22),
    "disaggregation-decode-enable-radix-cache": (0, 5, 15),
    "disaggregation-decode-extra-slots": (0, 5, 15),
    "disaggregation-decode-host-receive-threshold": (0, 5, 22),
    "disaggregation-decode-retraction-backup": (0, 5, 20),
    "disaggregation-enable-kv-checksum": (0, 5, 22),
    "enable-pd-role-switch": (0, 5, 22),
    "gated-launch-port": (0, 5, 20),
    "smg-grpc-mode": (0, 5, 20),
    "weight-loader-prefetch-checkpoints": (0, 5, 15),
}


def parse_version(text: object, variable: str, example: Version = NEWEST) -> Version:
    """Turn "0.5.23" (a suffix such as ".post1" is allowed) into (0, 5, 23)."""
    if not isinstance(text, str) or not _RELEASE.match(text):
        raise PlanError(f'{variable}: {text!r} is not a release; write it in quotes, such as "{spell(example)}"')
    return _numbers(text)


def _numbers(release: str) -> Version:
    match = _RELEASE.match(release)
    return tuple(int(part) for part in match.groups()) if match else ()


def by_age(release: str) -> tuple[Version, str]:
    """Return the key that sorts releases: older ones first."""
    return _numbers(release), release


def spell(version: Version) -> str:
    """Turn (0, 5, 23) into "0.5.23"."""
    return ".".join(str(part) for part in version)


def version_warnings(version: Version, where: str = "sglang_version") -> list[str]:
    """Warn about releases whose options and derived ports were not read."""
    if OLDEST <= version <= NEWEST:
        return []
    return [
        f"{where}: {spell(version)} is outside {spell(OLDEST)} to {spell(NEWEST)}, whose options and ports are "
        "known; "
        f"the plan assumes those of {spell(NEWEST if version > NEWEST else OLDEST)}"
    ]
