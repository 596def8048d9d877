# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user is told when something cannot be done."""

from __future__ import annotations

import errno
import os


class Refused(Exception):
    """It cannot be done; the text says what, why and what to do."""


class Busy(Refused):
    """Another run is at work."""


def explain(error: OSError, purpose: str) -> Refused:
    """Return a system's error as a sentence."""
    where = f"{error.filename}: " if error.filename else ""
    text = f"{where}{os.strerror(error.errno) if error.errno else error}, {purpose}"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Refused(f"{text}; free space or remove old releases, then run again: what was copied is kept")
    if error.errno in {errno.ENOENT, errno.ESTALE, errno.EIO, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT}:
        return Refused(f"{text}; bring it back, then run again: what was copied is kept")
    return Refused(text)
