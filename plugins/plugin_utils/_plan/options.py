# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Command line options of SGLang and its routers: find one in any spelling that argparse accepts, and write it as words."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import PlanError, nearest
from .programs import Program
from .versions import Version, spell


@dataclass(frozen=True)
class Option:
    """One option of a program.

    name: the first long spelling, without dashes. kind: "flag" (no value), "boolean" (--x and --no-x), "value",
    "optional" (a bare flag or a value) or "list" (several words). type: "int", "float", "str" or "json".
    choices: allowed words, empty for any.
    """

    name: str
    spellings: tuple[str, ...]
    kind: str
    type: str
    choices: tuple[str, ...]


class OptionTable:
    """The options of one release, found by any spelling."""

    def __init__(self, options: Iterable[Option]) -> None:
        self.by_spelling = {spelling: option for option in options for spelling in option.spellings}

    def find(self, word: str, where: str) -> Option | None:
        """Return the option that argparse would choose for `--word`, or None where there is none.

        Argparse takes an exact spelling first, then an unambiguous abbreviation. Dashes in front are dropped and
        underscores are dashes, because inventories spell options either way.
        """
        spelling = normal(word)
        exact = self.by_spelling.get(spelling)
        if exact is not None:
            return exact
        matches = {
            self.by_spelling[known].name: self.by_spelling[known]
            for known in self.by_spelling
            if spelling and known.startswith(spelling)
        }
        if len(matches) > 1:
            raise PlanError(f"{where}: {word!r} is short for {', '.join(sorted(matches))}; write one of them in full")
        return next(iter(matches.values()), None)

    def nearest(self, word: str) -> str:
        """Suggest the option whose spelling is closest."""
        return nearest(normal(word), self.by_spelling)


def normal(word: str) -> str:
    """--TP_size and tp_size are tp-size (argparse matters of case stay)."""
    return word.lstrip("-").replace("_", "-")


@functools.cache
def load_table(program: Program) -> OptionTable:
    """Read the option table of the newest known release of a program."""
    rows = json.loads(Path(__file__).with_name(program.table).read_text(encoding="utf-8"))
    return OptionTable(
        Option(row["names"][0], tuple(row["names"]), row["kind"], row.get("type", "str"), tuple(row.get("choices", ())))
        for row in rows
    )


def given(program: Program, args: Mapping[str, Any], name: str) -> Any:
    """Return the value of an option among args, in any spelling that argparse accepts; None without it, and for a flag set to false."""
    table = load_table(program)
    for key, value in args.items():
        option = table.find(str(key), str(key))
        if option is not None and option.name == name and value is not False:
            return value
    return None


def named(program: Program, args: Mapping[str, Any]) -> set[str]:
    """Return the names of the options among args, whatever their values."""
    found = [load_table(program).find(str(key), str(key)) for key in args]
    return {option.name for option in found if option is not None}


def args_words(
    program: Program, args: Mapping[str, Any], version: Version, where: str, warnings: list[str]
) -> list[str]:
    """Check a mapping of options against the program's table and return it as command line words, in its order."""
    table, words = load_table(program), []
    seen: dict[str, str] = {}
    for key, value in args.items():
        here = f"{where}.{key}"
        option = table.find(str(key), here)
        if option is None:
            words += _unknown(program, str(key), value, version, here, warnings)
            continue
        if option.name in program.owned:
            raise PlanError(f"{here}: --{option.name} is owned by the plan; {program.owned[option.name]}")
        if option.name in seen:
            raise PlanError(f"{here}: it is the same option as {where}.{seen[option.name]}; keep one of them")
        seen[option.name] = str(key)
        _check_since(program, option, version, here)
        words += option_words(option, value, here)
    return words


def _check_since(program: Program, option: Option, version: Version, where: str) -> None:
    """Refuse an option that the pinned release does not have yet."""
    since = program.since.get(option.name)
    if since is not None and version < since:
        raise PlanError(
            f"{where}: --{option.name} needs {program.title} {spell(since)}, but {program.variable} is "
            f"{spell(version)}; remove it or raise the version"
        )


def _unknown(program: Program, key: str, value: Any, version: Version, here: str, warnings: list[str]) -> list[str]:
    newest = f"{program.title} {spell(program.newest)}"
    if version == program.newest:
        hint = load_table(program).nearest(key) or f"; see {program.help} --help"
        raise PlanError(f"{here}: {newest} has no option --{normal(key)}{hint}")
    warnings.append(
        f"{here}: not in the option table of {newest}; it is passed on as written because {program.variable} is {spell(version)}"
    )
    kind = "flag" if isinstance(value, bool) else "list" if isinstance(value, list) else "value"
    return option_words(Option(normal(key), (normal(key),), kind, "str", ()), value, here)


def option_words(option: Option, value: Any, where: str) -> list[str]:
    """Write one option as words: true is a bare flag, a list several words, a mapping JSON."""
    if value is None or value == "":
        raise PlanError(f"{where}: it has no value; give it one or remove the line")
    if option.kind in ("flag", "boolean") or (option.kind == "optional" and isinstance(value, bool)):
        return _switch(option, value, where)
    if option.kind == "list":
        return _several(option, value, where)
    word = _one(option, value, where)
    # argparse would read a separate word that begins with a dash as the next option
    return [f"--{option.name}={word}"] if _looks_like_option(word) else [f"--{option.name}", word]


def _switch(option: Option, value: Any, where: str) -> list[str]:
    if not isinstance(value, bool):
        raise PlanError(f"{where}: --{option.name} is a switch, but {value!r} is {_kind(value)}; write true or false")
    if value:
        return [f"--{option.name}"]
    return [f"--no-{option.name}"] if option.kind == "boolean" else []


def _several(option: Option, value: Any, where: str) -> list[str]:
    if not isinstance(value, (list, tuple)) or not value:
        raise PlanError(
            f"{where}: --{option.name} takes a list, but {value!r} is {_kind(value)}; write [{', '.join(str(value).split())}]"
        )
    words = [_one(option, item, where) for item in value]
    for word in filter(_looks_like_option, words):
        raise PlanError(
            f"{where}: {word!r} begins with a dash and would be read as an option; --{option.name} cannot take it in a list"
        )
    return [f"--{option.name}", *words]


def _one(option: Option, value: Any, where: str) -> str:
    if isinstance(value, bool):
        raise PlanError(f"{where}: --{option.name} takes {_wanted(option)}, but {value!r} is a boolean")
    if isinstance(value, (list, tuple)):
        raise PlanError(f"{where}: --{option.name} takes one value, but {value!r} is a list")
    if isinstance(value, Mapping):
        return json.dumps(value, separators=(",", ":"))
    if option.type == "int" and not _is_int(value):
        raise PlanError(f"{where}: --{option.name} takes a whole number, but {value!r} is {_kind(value)}")
    if option.type == "float" and not _is_float(value):
        raise PlanError(f"{where}: --{option.name} takes a number, but {value!r} is {_kind(value)}")
    text = str(value)
    if option.choices and text not in option.choices:
        raise PlanError(
            f"{where}: --{option.name} takes one of {', '.join(option.choices)}, but {text!r} is none of "
            f"them{nearest(text, option.choices)}"
        )
    if "\n" in text:
        raise PlanError(f"{where}: the value has more than one line; a unit file takes one")
    return text


def _looks_like_option(word: str) -> bool:
    return word.startswith("-") and not _is_float(word)


def _is_int(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and value.removeprefix("-").isdecimal())


def _is_float(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True


def _wanted(option: Option) -> str:
    return {"int": "a whole number", "float": "a number", "json": "a mapping"}.get(option.type, "a string")


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "a mapping"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), type(value).__name__)
