# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release of a model a server gets, as its host has it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .._plan.types import Option, ServerUnit

# What a diff shows in check mode for a release that has still to be copied.
UNKNOWN = "known-when-copied"


@dataclass(frozen=True)
class Resolved:
    """A unit with the release in place of each link to one, and these releases."""

    unit: ServerUnit
    releases: tuple[str, ...] = ()


def resolved(unit: ServerUnit, releases: Mapping[str, str]) -> Resolved:
    """Replace each link to a release by the release. releases: store -> where its link will lead soon."""
    found = {path: _release(path, releases) for path in _paths(unit)}
    named = {path: _named(path, digest) for path, digest in found.items() if digest}
    if not named:
        return Resolved(unit)
    options = [
        Option(option.name, (named[option.values[0]],)) if _is_path(option) and option.values[0] in named else option
        for option in unit.options
    ]
    if unit.model in named:
        # The name in the API stays when the release changes.
        further = {"weight-version": found[unit.model], "served-model-name": unit.served_model}
        options += [Option(name, (value,)) for name, value in further.items() if unit.option(name) is None]
    model = named.get(unit.model, unit.model)
    return Resolved(replace(unit, model=model, options=tuple(options)), tuple(filter(None, found.values())))


def links(unit: ServerUnit) -> tuple[str, ...]:
    """Return the paths of the unit that are links to a current release; a server without one of them would fail."""
    return tuple(path for path in _paths(unit) if path.startswith("/") and path.endswith("/current"))


def _is_path(option: Option) -> bool:
    """Return whether it is a model, a draft model or a tokenizer, by the name that SGLang gives such options."""
    return option.name.endswith("-path") and len(option.values) == 1


def _paths(unit: ServerUnit) -> list[str]:
    return list(dict.fromkeys([unit.model, *(one.values[0] for one in unit.options if _is_path(one))]))


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


def _named(path: str, digest: str) -> str:
    return f"{path[: -len('current')]}releases/{digest}"
