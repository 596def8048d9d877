# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Options of SGLang and its routers: find one in any spelling that argparse accepts, and check its value."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Option

from .errors import PlanError, nearest, shown
from .programs import Program
from .versions import Version, spell


@dataclass(frozen=True)
class Known:
    """One option that a program knows.

    name: the first long spelling, without dashes. kind: "flag" (no value), "boolean" (--x and --no-x), "value",
    "optional" (a bare flag or a value) or "list" (several values). type: "int", "float", "str" or "json".
    choices: allowed values, empty for any.
    """

    name: str
    spellings: tuple[str, ...]
    kind: str
    type: str
    choices: tuple[str, ...]


class OptionTable:
    """The options of one release, found by any spelling."""

    def __init__(self, options: Iterable[Known]) -> None:
        self.by_spelling = {spelling: option for option in options for spelling in option.spellings}

    def find(self, text: str, where: str) -> Known | None:
        """Return the option that argparse would choose for `--text`, or None where there is none.

        Argparse takes an exact spelling first, then an unambiguous abbreviation. Dashes in front are dropped and
        underscores are dashes, because inventories spell options either way.
        """
        spelling = normal(text)
        exact = self.by_spelling.get(spelling)
        if exact is not None:
            return exact
        matches = {
            self.by_spelling[known].name: self.by_spelling[known]
            for known in self.by_spelling
            if spelling and known.startswith(spelling)
        }
        if len(matches) > 1:
            raise PlanError(f"{where}: {text!r} is short for {first_few(sorted(matches))}; write one of them in full")
        return next(iter(matches.values()), None)

    def nearest(self, text: str) -> str:
        """Suggest the option whose spelling is closest."""
        return nearest(normal(text), self.by_spelling)


def normal(text: str) -> str:
    """--TP_size and tp_size are tp-size (argparse matters of case stay)."""
    return text.lstrip("-").replace("_", "-")


@functools.cache
def load_table(program: Program) -> OptionTable:
    """Read the option table of the newest known release of a program."""
    rows = json.loads(Path(__file__).with_name(program.table).read_text(encoding="utf-8"))
    return OptionTable(
        Known(row["names"][0], tuple(row["names"]), row["kind"], row.get("type", "str"), tuple(row.get("choices", ())))
        for row in rows
    )


def named(program: Program, args: Mapping[str, Any]) -> set[str]:
    """Return the names of the options among args, whatever their values."""
    found = [load_table(program).find(str(key), str(key)) for key in args]
    return {option.name for option in found if option is not None}


def read_args(
    program: Program, args: Mapping[str, Any], version: Version, where: str, warnings: list[str]
) -> tuple[Option, ...]:
    """Check a mapping of options against the program's table and return them in its order."""
    table = load_table(program)
    found: list[Option] = []
    seen: dict[str, str] = {}
    for key, value in args.items():
        here = f"{where}.{key}"
        known = table.find(str(key), here)
        if known is None:
            found += _unknown(program, str(key), value, version, here, warnings)
            continue
        if known.name in program.owned:
            raise PlanError(f"{here}: --{known.name} is owned by the plan; {program.owned[known.name]}")
        if known.name in seen:
            raise PlanError(f"{here}: it is the same option as {where}.{seen[known.name]}; keep one of them")
        seen[known.name] = str(key)
        _check_since(program, known, version, here)
        found += checked(known, value, here)
    return tuple(found)


def _check_since(program: Program, known: Known, version: Version, where: str) -> None:
    """Refuse an option that the pinned release does not have yet."""
    since = program.since.get(known.name)
    if since is not None and version < since:
        raise PlanError(
            f"{where}: --{known.name} needs {program.title} {spell(since)}, but {program.variable} is "
            f"{spell(version)}; "
            "remove it or raise the version"
        )


def _unknown(
    program: Program, key: str, value: Any, version: Version, here: str, warnings: list[str]
) -> tuple[Option, ...]:
    newest = f"{program.title} {spell(program.newest)}"
    if version == program.newest:
        hint = load_table(program).nearest(key) or f"; see python -m {program.module} --help"
        raise PlanError(f"{here}: {newest} has no option --{normal(key)}{hint}")
    warnings.append(
        f"{here}: {newest} has no such option; it is passed on as written, because {program.variable} is "
        f"{spell(version)}"
    )
    kind = "flag" if isinstance(value, bool) else "list" if isinstance(value, list) else "value"
    return checked(Known(normal(key), (normal(key),), kind, "str", ()), value, here)


def checked(known: Known, value: Any, where: str) -> tuple[Option, ...]:
    """Return one option with its values: true is a flag, a list several values, a mapping JSON. False is none."""
    if value is None or value == "":
        raise PlanError(f"{where}: it has no value; give it one or remove the line")
    if known.kind in ("flag", "boolean") or (known.kind == "optional" and isinstance(value, bool)):
        return _switch(known, value, where)
    if known.kind == "list":
        return (Option(known.name, _several(known, value, where)),)
    return (Option(known.name, (_one(known, value, where),)),)


def _switch(known: Known, value: Any, where: str) -> tuple[Option, ...]:
    if not isinstance(value, bool):
        raise PlanError(f"{where}: --{known.name} is a switch, not {shown(value)}; write true or false")
    if value:
        return (Option(known.name),)
    return (Option(f"no-{known.name}"),) if known.kind == "boolean" else ()


def _several(known: Known, value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        example = (
            ", ".join(str(value).split())
            if isinstance(value, (str, int, float)) and not isinstance(value, bool)
            else "A, B"
        )
        raise PlanError(f"{where}: --{known.name} takes a list, not {shown(value)}; write [{example}]")
    values = tuple(_one(known, item, where) for item in value)
    for text in values:
        if text.startswith("-") and not _is_float(text):
            raise PlanError(
                f"{where}: {text!r} begins with a dash and would be read as an option; remove it, "
                f"because --{known.name} cannot have it in a list"
            )
    return values


def _one(known: Known, value: Any, where: str) -> str:
    if isinstance(value, (bool, list, tuple)):
        raise PlanError(f"{where}: --{known.name} takes one value, not {shown(value)}; write {_wanted(known)}")
    if isinstance(value, Mapping):
        return json.dumps(value, separators=(",", ":"))
    if (known.type == "int" and not _is_int(value)) or (known.type == "float" and not _is_float(value)):
        raise PlanError(f"{where}: --{known.name} takes {_wanted(known)}, not {shown(value)}; correct the value")
    text = str(value)
    if known.choices and text not in known.choices:
        raise PlanError(
            f"{where}: --{known.name} takes one of {', '.join(known.choices)}, not {text!r}"
            f"{nearest(text, known.choices) or '; choose one of them'}"
        )
    if "\n" in text:
        raise PlanError(f"{where}: the value has more than one line; write it in one")
    return text


def _is_int(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and value.removeprefix("-").isdecimal())


def _is_float(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True


def _wanted(known: Known) -> str:
    return {"int": "a whole number", "float": "a number", "json": "a mapping"}.get(known.type, "a string")
