# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SHA-256 that came with a model: lists in the format of sha256sum, and what the Hugging Face client keeps."""

from __future__ import annotations

import hashlib
import os
import re

from ..._base.reading import read_bytes, read_short

_GNU = re.compile(r"\\?([0-9a-fA-F]{64})[ \t]+[ *]?(\S.*)")
_BSD = re.compile(r"SHA256 \((.+)\) = ([0-9a-fA-F]{64})")
_LIST = re.compile(r"(sha256(sums?)?|checksums?([._-]sha256)?)(\.txt)?|.*\.sha256(sums?)?", re.IGNORECASE)
_LARGEST = 16 << 20


def is_list(path: str, size: int) -> bool:
    """Return whether a file is such a list, by its name."""
    return size <= _LARGEST and _LIST.fullmatch(os.path.basename(path)) is not None


def parse(text: str, folder: str) -> dict[str, str]:
    """Return path -> SHA-256, with paths relative to the top."""
    found = {}
    for line in text.splitlines():
        gnu, bsd = _GNU.fullmatch(line.strip()), _BSD.fullmatch(line.strip())
        if gnu:
            digest, name = gnu.groups()
        elif bsd:
            name, digest = bsd.groups()
        else:
            continue
        found[os.path.normpath(os.path.join(folder, name))] = digest.lower()
    return found


def from_list(source: str, path: str) -> dict[str, str]:
    """Return path -> SHA-256 from a list in a source, and of the list itself."""
    data = read_bytes(f"{source}/{path}", _LARGEST)
    if data is None:
        return {}
    listed = parse(data.decode("utf-8", "replace"), os.path.dirname(path))
    return {**listed, path: hashlib.sha256(data).hexdigest()}


def from_hub(source: str, paths: list[str]) -> dict[str, str]:
    """Return path -> SHA-256 from what `hf download --local-dir` keeps: for large files it is the ETag, in line 2."""
    found = {}
    for path in paths:
        lines = (read_short(f"{source}/.cache/huggingface/download/{path}.metadata") or "").splitlines()
        if len(lines) > 1 and re.fullmatch(r"[0-9a-f]{64}", lines[1]):
            found[path] = lines[1]
    return found
