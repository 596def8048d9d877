# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quoting for systemd's unit and environment files. PRIVATE to the collection."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z0-9_./:=,@+%$-]+\Z")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\x{ord(char):02x}" if ord(char) < 32 or ord(char) == 127 else char


def specifiers(text: str) -> str:
    """Return text that systemd does not expand specifiers in."""
    return text.replace("%", "%%")


def path(text: str) -> str:
    """Return one path for a directive that takes a list of paths."""
    escaped = "".join(map(_escape, specifiers(text)))
    return escaped if _PLAIN.match(text) else f'"{escaped}"'


def word(text: str) -> str:
    """Return one word of an Exec line, the same word for the program whatever it contains."""
    escaped = "".join(map(_escape, specifiers(text).replace("$", "$$")))
    return escaped if _PLAIN.match(text) else f'"{escaped}"'


def environment_line(name: str, value: str) -> str:
    """Return one line of an EnvironmentFile; systemd refuses control characters in a value."""
    if not re.match(r"[A-Za-z_][A-Za-z0-9_]*\Z", name):
        raise ValueError(f"environment: {name!r} is not a name of an environment variable")
    if any((ord(char) < 32 and char not in "\n\t") or ord(char) == 127 for char in value):
        raise ValueError(f"environment.{name}: systemd takes no control characters in a value")
    return '{}="{}"'.format(name, re.sub(r'(["\\`$])', r"\\\1", value))
