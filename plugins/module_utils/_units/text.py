# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the unit files of servers and routers have in common. PRIVATE to the collection."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from . import quote

SYSTEM_PYTHON = "/usr/bin/python3"


def checked_name(name: str, where: str) -> str:
    """Return the name of a unit; it becomes a part of paths, too."""
    if not re.match(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z", name):
        raise ValueError(f"{where}: {name!r} is not a name for a systemd unit")
    return name


def joined(words: Iterable[str]) -> str:
    """Return words as one line of an Exec directive."""
    return " ".join(quote.word(text) for text in words)


def command_lines(words: Sequence[str], before: Sequence[Sequence[str]] = ()) -> str:
    """Return a command as its documents write it: each option begins a line. before: lines that come first."""
    lines = [*map(list, before), []]
    for text in words:
        if text.startswith("--"):
            lines.append([])
        lines[-1].append(text)
    return " \\\n    ".join(joined(line) for line in lines)


def merged_options(base: dict[str, Any], changes: Iterable[tuple[str, Any]], owned: Sequence[str]) -> dict[str, Any]:
    """Return the directives of [Service] with those that the user adds, replaces or (null) leaves out."""
    options = dict(base)
    for name, value in changes:
        if name in owned:
            raise ValueError(f"service_options.{name}: the collection sets {name} itself")
        options[name] = value
    return {name: value for name, value in options.items() if value is not None}


def option_lines(options: dict[str, Any]) -> list[str]:
    """Return directives as lines; a list gives several."""
    lines = []
    for name, value in options.items():
        for item in value if isinstance(value, (list, tuple)) else [value]:
            text = {True: "yes", False: "no"}[item] if isinstance(item, bool) else str(item)
            if "\n" in text:
                raise ValueError(f"service_options.{name}: a value is one line")
            lines.append(f"{name}={text}")
    return lines


def sha(*texts: str) -> str:
    """Return one word for texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def slow_sha(secret: str, salt: str) -> str:
    """Return one word for a secret that a digest is made of, slow on purpose; empty where there is none."""
    return hashlib.pbkdf2_hmac("sha256", secret.encode(), salt.encode(), 100_000).hex() if secret else ""
