# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a unit file: quoting as systemd reads it, and directives that the user changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# The first line of every file of this collection; it tells the two kinds of units apart.
# -I: the environment of the unit (PYTHONPATH, PYTHONHOME) is meant for SGLang, not for a check. -B: no caches to clean
# up.
SYSTEM_PYTHON = ("/usr/bin/python3", "-IB")

_PLAIN = re.compile(r"[A-Za-z0-9_./:=,@+%$-]+\Z")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def checked_name(name: str, where: str) -> str:
    """Return the name of a unit, which becomes a part of paths."""
    if not re.match(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z", name):
        raise ValueError(f"{where}: {name!r} is not a name for a systemd unit")
    return name


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\x{ord(char):02x}" if ord(char) < 32 or ord(char) == 127 else char


def specifiers(text: str) -> str:
    """Return text in which systemd expands no specifiers."""
    return text.replace("%", "%%")


def path(text: str) -> str:
    """Return one path for a directive that takes a list of paths."""
    escaped = "".join(map(_escape, specifiers(text)))
    return escaped if _PLAIN.match(text) else f'"{escaped}"'


def argument(text: str) -> str:
    """Return one argument of an Exec line; the program gets it unchanged."""
    escaped = "".join(map(_escape, specifiers(text).replace("$", "$$")))
    return escaped if _PLAIN.match(text) else f'"{escaped}"'


def joined(arguments: Iterable[str]) -> str:
    """Return arguments as one line of an Exec directive."""
    return " ".join(map(argument, arguments))


def command_lines(arguments: Sequence[str], before: Sequence[Sequence[str]] = ()) -> str:
    """Return a command as its documents write it: each option begins a line. before: lines that come first."""
    lines = [*map(list, before), []]
    for text in arguments:
        if text.startswith("--"):
            lines.append([])
        lines[-1].append(text)
    return " \\\n    ".join(joined(line) for line in lines)


def environment_line(name: str, value: str) -> str:
    """Return one line of an EnvironmentFile; systemd refuses control characters in a value."""
    if not re.match(r"[A-Za-z_][A-Za-z0-9_]*\Z", name):
        raise ValueError(f"environment: {name!r} is not a name of an environment variable")
    if any((ord(char) < 32 and char not in "\n\t") or ord(char) == 127 for char in value):
        raise ValueError(f"environment.{name}: a value must not contain control characters")
    return '{}="{}"'.format(name, re.sub(r'(["\\`$])', r"\\\1", value))


def service_lines(base: Mapping[str, Any], changes: Mapping[str, Any], owned: Sequence[str]) -> list[str]:
    """Return the directives of [Service] with those that the user adds, replaces or (null) leaves out."""
    for name in changes:
        if name in owned:
            raise ValueError(f"service_options.{name}: the collection sets {name} itself")
    lines = []
    for name, value in {**base, **changes}.items():
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if item is not None:
                lines.append(f"{name}={_directive_value(name, item)}")
    return lines


def _directive_value(name: str, value: Any) -> str:
    text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    if "\n" in text:
        raise ValueError(f"service_options.{name}: a value must be one line")
    return text


def unit_file(marker: str, description: str, unit: Iterable[str], service: Iterable[str]) -> str:
    """Return a unit file. unit, service: the further lines of these sections."""
    lines = [
        marker,
        "[Unit]",
        specifiers(f"Description={description} (multinode.sglang)"),
        "Wants=network-online.target",
        "After=network-online.target",
        *unit,
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        *service,
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"
