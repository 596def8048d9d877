# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what another user may have put there."""

from __future__ import annotations

import os
import stat


def read_short(path: str, most: int = 4096) -> str | None:
    """Return the text of a short file in a directory of another user, None for anything else that is put there."""
    data = read_bytes(path, most)
    return None if data is None else data.decode("utf-8", "replace")


def read_bytes(path: str, most: int) -> bytes | None:
    """Return the bytes of such a file."""
    try:
        # A link would show root's files to that user, and a pipe would never answer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        data = os.read(descriptor, most + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return data if len(data) <= most else None
