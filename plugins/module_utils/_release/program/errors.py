# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors with a text for the user."""

from __future__ import annotations

import errno
import os

KEPT = "run the playbook again: what was copied is kept"


class Refused(Exception):
    """It cannot be done; the text says what, why and how to fix it."""


class Busy(Refused):
    """Another run works on the same store."""


def explain(error: OSError, purpose: str) -> Refused:
    """Return an error of the system as a sentence."""
    where = f"{error.filename}: " if error.filename else ""
    text = f"{where}{os.strerror(error.errno) if error.errno else error}, {purpose}"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Refused(f"{text}; free space, then {KEPT}")
    if error.errno in {errno.ENOENT, errno.ESTALE, errno.EIO, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT}:
        return Refused(f"{text}; make it available, then {KEPT}")
    return Refused(text)
