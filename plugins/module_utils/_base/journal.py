# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which line of a unit's journal says why it ended."""

from __future__ import annotations

import re
from collections.abc import Sequence

# How a check before the start ends a unit.
REFUSED = "refused: "
# The line that ends a Python traceback, and how argparse ends a program.
_EXCEPTION = re.compile(r"[\w.]*(Error|Exception)\b|[\w./-]+: error: ")
# What systemd itself says of a unit.
_SYSTEMD = re.compile(r"\S+\.service: |(Start|Stopp)(ed|ing) |(Starting|Failed to start) ")
_START = re.compile(r"Start(ed|ing) ")


def cause(lines: Sequence[str]) -> str:
    """Return the line that names the fault; empty where none does.

    The last start tells it, if it got that far. Of several exceptions, the others follow from the first.
    """
    starts = [number for number, line in enumerate(lines) if _START.match(line)]
    for part in (lines[starts[-1] :] if starts else (), lines):
        refused = [line for line in part if line.startswith(REFUSED)]
        raised = [line for line in part if _EXCEPTION.match(line)]
        if refused or raised:
            return (refused[-1:] or raised)[0].strip()
    return ""


def last_word(lines: Sequence[str]) -> str:
    """Return the cause, or else the last line of the program itself, or else the last line."""
    said = [line for line in lines if line.strip() and not _SYSTEMD.match(line)]
    return cause(lines) or (said or [*lines] or [""])[-1].strip()


def evidence(lines: Sequence[str], count: int) -> list[str]:
    """Return the last lines, after the one that names the fault if it is an earlier one."""
    tail = list(lines[-count:])
    found = cause(lines)
    if count == 1 or not found or found in map(str.strip, tail):
        return tail
    return [found, *tail]
