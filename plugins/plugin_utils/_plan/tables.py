# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The options of each release of SGLang and its routers, as options-*.json has them, in any spelling argparse takes."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

from .errors import PlanError, nearest
from .programs import Program
from .versions import Version, parse_version, spell


@dataclass(frozen=True)
class Known:
    """One option of a release.

    name: the first long spelling, without dashes. kind: "flag" (no value), "boolean" (--x and --no-x), "value",
    "optional" (a bare flag or a value) or "list" (several values). type: "int", "float", "size" (a number with or
    without a unit), "json", "lora" or "str". choices: allowed values, empty for any. retired: why the release refuses
    it, empty where it does not. since, until: positions of the first and the last release that it is the same in.
    """

    name: str
    spellings: tuple[str, ...]
    kind: str
    type: str
    choices: tuple[str, ...] = ()
    retired: str = ""
    since: int = 0
    until: int = 0


class OptionTable:
    """The options of one release, found by any spelling. listed: whether they were read from this very release."""

    def __init__(self, options: Iterable[Known], listed: bool) -> None:
        self.by_spelling = {spelling: option for option in options for spelling in option.spellings}
        self.listed = listed

    def find(self, text: str, where: str) -> Known | None:
        """Return the option that argparse would choose for `--text`, or None where there is none.

        Argparse takes an exact spelling first, then an unambiguous abbreviation. Dashes in front are dropped and
        underscores are dashes, because inventories spell options either way.
        """
        matches = self.matches(text)
        if len(matches) > 1:
            raise PlanError(f"{where}: {text!r} is short for {first_few(sorted(matches))}; write one of them in full")
        return next(iter(matches.values()), None)

    def matches(self, text: str) -> dict[str, Known]:
        """Return by name the option of a spelling, or all options that it may be short for."""
        spelling = normal(text)
        exact = self.by_spelling.get(spelling)
        if exact is not None:
            return {exact.name: exact}
        found = (option for known, option in self.by_spelling.items() if spelling and known.startswith(spelling))
        return {option.name: option for option in found}

    def nearest(self, text: str) -> str:
        """Suggest the option whose spelling is closest."""
        return nearest(normal(text), self.by_spelling)


def normal(text: str) -> str:
    """--TP_size and tp_size are tp-size (argparse matters of case stay)."""
    return text.lstrip("-").replace("_", "-")


@dataclass(frozen=True)
class History:
    """The options of all releases of a program that are known. releases: oldest first."""

    releases: tuple[str, ...]
    options: tuple[Known, ...]

    def spans(self, name: str, choice: str = "") -> str:
        """Say which releases have an option, or a choice of it; empty where none has."""
        rows = [row for row in self.options if name in row.spellings and (not choice or choice in row.choices)]
        if not rows:
            return ""
        first, last = min(row.since for row in rows), max(row.until for row in rows)
        if last == len(self.releases) - 1:
            return f"{self.releases[first]} and later"
        return f"{self.releases[first]} to {self.releases[last]}" if first else f"up to {self.releases[last]}"


@functools.cache
def load_history(program: Program) -> History:
    """Read what is known of the options of a program."""
    raw = json.loads(Path(__file__).with_name(program.table).read_text(encoding="utf-8"))
    releases = tuple(raw["releases"])
    position = {release: number for number, release in enumerate(releases)}
    rows = (
        Known(
            row["names"][0],
            tuple(row["names"]),
            row["kind"],
            row.get("type", "str"),
            tuple(row.get("choices", ())),
            row.get("retired", ""),
            position[row["since"]] if "since" in row else 0,
            position[row["until"]] if "until" in row else len(releases) - 1,
        )
        for row in raw["options"]
    )
    return History(releases, tuple(rows))


@functools.cache
def load_table(program: Program, version: Version | None = None) -> OptionTable:
    """Return the options of a release; of the newest one before it where it is not known, or of the newest of all."""
    history = load_history(program)
    versions = [parse_version(release, program.variable) for release in history.releases]
    asked = versions[-1] if version is None else version
    listed = asked in versions
    chosen = max((number for number, known in enumerate(versions) if known <= asked), default=0)
    return OptionTable((row for row in history.options if row.since <= chosen <= row.until), listed)


def is_listed(program: Program, version: Version) -> bool:
    """Tell whether the options of a release are known."""
    return load_table(program, version).listed


def unlisted(program: Program, version: Version, where: str) -> list[str]:
    """Warn of a release whose options are not known. where: what sets it."""
    if is_listed(program, version):
        return []
    releases = load_history(program).releases
    return [
        f"{where}: {program.title} {spell(version)} is not one of the releases {releases[0]} to {releases[-1]}, whose "
        "options are known; its own parser judges them once it is installed, and ports are those of the nearest release"
    ]


def needs(program: Program, name: str, version: Version, where: str, choice: str = "") -> PlanError:
    """Return the refusal of an option, or of a choice, that only other releases have."""
    what = f"--{name} {choice}".rstrip()
    return PlanError(
        f"{where}: only {program.title} {load_history(program).spans(name, choice)} has {what}, but {program.variable} "
        f"is {spell(version)}; remove it or change the version"
    )
