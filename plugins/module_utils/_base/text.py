# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How numbers, lists and addresses are written in messages and commands."""

from __future__ import annotations

import re
from collections.abc import Iterable

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+(?=@)")


def first_few(names: Iterable[str], most: int = 8, separator: str = ", ") -> str:
    """Join names, and count those that are too many to show."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return separator.join(every[:most]) + more


def size(count: float) -> str:
    """Return a number of bytes as one reads it."""
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def duration(seconds: float) -> str:
    """Return a time as one reads it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def host_port(address: str, port: int | str) -> str:
    """10.0.0.1, 20000 -> 10.0.0.1:20000; an IPv6 address goes in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def clean(text: str) -> str:
    """Return what others wrote without bytes that are no text, and without what a terminal would obey."""
    return "".join(char if char.isprintable() or char in "\n\t" else REPLACEMENT for char in text)


def has_credentials(text: str) -> bool:
    """Return whether a URL in a text has a user or a password in it."""
    return _CREDENTIALS.search(text) is not None


def masked(text: str) -> str:
    """Return a text without the users and passwords of URLs in it."""
    return _CREDENTIALS.sub("****", text)
