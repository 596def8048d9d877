# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release of a model a server gets, found out on its host. PRIVATE to the collection."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace

from ._unit import Unit, value_of
from ._unit_file import sha

MODEL, VERSION, SERVED = "--model-path", "--weight-version", "--served-model-name"
# Over a network, mapped files come in single pages; every rank reads its share of them as a whole instead.
PREFETCH = "--weight-loader-prefetch-checkpoints"
_LOADING = (PREFETCH, "--weight-loader-disable-mmap", "--load-format")


def resolved(unit: Unit, network: Collection[str]) -> Unit:
    """Return the unit with the release in place of the link to it, and with what its source needs where it is a file server."""
    path = value_of(unit.argv, MODEL)
    words = list(unit.argv)
    digest, mark = _release(path), ""
    if digest:
        words = [_named(word, path, f"{os.path.dirname(path)}/releases/{digest}") for word in words]
        words += [] if _has(unit, VERSION) else [VERSION, digest]
        # The name in the API stays when the release changes.
        words += [] if _has(unit, SERVED) else [SERVED, path]
        mark = digest
    elif path in network and not any(_has(unit, option) for option in _LOADING):
        words.append(PREFETCH)
        mark = PREFETCH
    # All ranks of an instance must have the same release: what they compare follows it.
    return replace(unit, argv=tuple(words), digest=sha(unit.digest, mark)) if mark else unit


def _release(path: str) -> str:
    if os.path.basename(path) != "current":
        return ""
    try:
        folder, _slash, digest = os.readlink(path).rpartition("/")
    except OSError:
        return ""
    return digest if folder == "releases" else ""


def _named(word: str, path: str, release: str) -> str:
    if word in {path, f"{MODEL}={path}"}:
        return word[: len(word) - len(path)] + release
    return word


def _has(unit: Unit, option: str) -> bool:
    return any(word == option or word.startswith(f"{option}=") for word in unit.argv)
