# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release of a model a server gets, found out on its host. PRIVATE to the collection."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .server import Unit, value_of
from .text import sha

MODEL, VERSION, SERVED = "--model-path", "--weight-version", "--served-model-name"
# What a diff shows in check mode for a release that has still to be copied.
UNKNOWN = "known-when-copied"


def resolved(unit: Unit, releases: Mapping[str, str]) -> Unit:
    """Return the unit with the release in place of each link to one. releases: store -> where its link will lead soon."""
    found = _links(unit.argv, releases)
    words = [_named(word, found[place]) if place in found else word for place, word in enumerate(unit.argv)]
    path = value_of(unit.argv, MODEL)
    digest = _release(path, releases)
    if digest:
        words += [] if _has(unit, VERSION) else [VERSION, digest]
        # The name in the API stays when the release changes.
        words += [] if _has(unit, SERVED) else [SERVED, path]
    # All ranks of an instance must have the same releases: what they compare follows them.
    return replace(unit, argv=tuple(words), digest=sha(unit.digest, *found.values())) if found else unit


def links(unit: Unit) -> tuple[str, ...]:
    """Return the paths of the unit that are links to what is current somewhere; a server without one of them would fail."""
    return tuple(path for path in _paths(unit.argv).values() if path.startswith("/") and path.endswith("/current"))


def _links(argv: Sequence[str], releases: Mapping[str, str]) -> dict[int, str]:
    """Return the places of links to releases among the words, with their digests."""
    found = {place: _release(path, releases) for place, path in _paths(argv).items()}
    return {place: digest for place, digest in found.items() if digest}


def _paths(argv: Sequence[str]) -> dict[int, str]:
    """Return the places of paths among the words, with the paths: the model, a draft model, a tokenizer."""
    found = {}
    for place, (before, word) in enumerate(zip(["", *argv], argv)):
        option, mark, value = word.partition("=")
        option, value = (option, value) if mark and option.startswith("--") else (before, word)
        if option.startswith("--") and option.endswith("-path"):
            found[place] = value
    return found


def _release(path: str, releases: Mapping[str, str]) -> str:
    store, _slash, link = path.rpartition("/")
    if link != "current":
        return ""
    if store in releases:
        return releases[store] or UNKNOWN
    try:
        folder, _slash, digest = os.readlink(path).rpartition("/")
    except OSError:
        return ""
    return digest if folder == "releases" else ""


def _named(word: str, digest: str) -> str:
    return f"{word[: -len('current')]}releases/{digest}"


def _has(unit: Unit, option: str) -> bool:
    return any(word == option or word.startswith(f"{option}=") for word in unit.argv)
