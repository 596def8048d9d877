# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes that the workers of one task leave for each other."""

from __future__ import annotations

import contextlib
import pathlib
from urllib.parse import quote


class Board:
    """Short notes in the temporary directory of this run: Ansible's workers have nothing else in common."""

    def __init__(self, directory: pathlib.Path, task: str) -> None:
        """Keep where the notes are."""
        self._directory, self._task = directory, task

    def _path(self, subject: str, kind: str) -> pathlib.Path:
        # Names of hosts may have any characters.
        return self._directory / f"{self._task}.{quote(subject, safe='')}.{kind}"

    def note(self, subject: str, kind: str, text: str = "") -> None:
        """Leave a note; the first one of its kind stays."""
        with contextlib.suppress(FileExistsError), self._path(subject, kind).open("x", encoding="utf-8") as handle:
            handle.write(text)

    def read(self, subject: str, kind: str) -> str | None:
        """Return a note, None if there is none."""
        try:
            return self._path(subject, kind).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
