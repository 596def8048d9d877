# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The value of one option: refused where the program's parser would refuse it, and turned into words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Option
from ansible_collections.multinode.sglang.plugins.module_utils._plan.words import is_negative_number

from .errors import PlanError, nearest, shown
from .programs import Program
from .tables import Known, load_history, needs
from .versions import Version

WANTED = {
    "int": "a whole number",
    "float": "a number",
    "size": "a whole number, or one with a unit such as 64k or 64Ki",
    "json": "a mapping",
    "lora": "NAME=PATH, or a mapping with lora_name and lora_path",
}
_NUMBERS = {
    "int": re.compile(r"[+-]?\d+\Z"),
    "size": re.compile(r"([+-]?\d+|\d+(\.\d+)?[kMGT]|\d+[KMGT]i)\Z"),
}
# What the parsers take and the program then dies of, or does not notice. Option -> lowest and highest value.
RANGES = {"mem-fraction-static": (0.0, 1.0)}


def checked(known: Known, value: Any, where: str, program: Program, version: Version) -> tuple[Option, ...]:
    """Return one option with its values: true is a flag, a list several values, a mapping JSON. False is none."""
    if value is None or value == "":
        raise PlanError(f"{where}: it has no value; give it one or remove the line")
    if known.kind in ("flag", "boolean") or (known.kind == "optional" and isinstance(value, bool)):
        return _switch(known, value, where)
    words = _several(known, value, where) if known.kind == "list" else (_one(known, value, where),)
    for text in words:
        _check_choice(known, text, where, program, version)
    return (Option(known.name, words),)


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
        if text.startswith("-") and not is_negative_number(text):
            raise PlanError(
                f"{where}: {text!r} begins with a dash and would be read as an option; remove it, "
                f"because --{known.name} cannot have it in a list"
            )
    return values


def _one(known: Known, value: Any, where: str) -> str:
    if isinstance(value, Mapping) or (isinstance(value, (list, tuple)) and known.type == "json"):
        return _json(known, value, where)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise PlanError(
            f"{where}: --{known.name} takes one value, not {shown(value)}; write {WANTED.get(known.type, 'a string')}"
        )
    text = one_text(str(value), where)
    if not _fits(known.type, text):
        raise PlanError(f"{where}: --{known.name} takes {WANTED[known.type]}, not {shown(value)}; correct the value")
    _check_range(known, text, where)
    return text


def one_text(text: str, where: str) -> str:
    """Return a text without the newline that ends a YAML block; refuse what a unit file cannot carry."""
    text = text.removesuffix("\n")
    wrong = next((char for char in text if (ord(char) < 32 and char not in "\n\t") or ord(char) == 127), "")
    if wrong:
        raise PlanError(f"{where}: it has the control character {wrong!r}; remove it")
    return text


def _json(known: Known, value: Any, where: str) -> str:
    if known.type == "lora" and not {"lora_name", "lora_path"} <= {*value}:
        raise PlanError(f"{where}: {shown(value)} names no LoRA; write {WANTED['lora']}")
    try:
        return json.dumps(value, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise PlanError(
            f"{where}: JSON has no such value ({error}); write dates and other values that YAML knows in quotes"
        ) from error


def _fits(kind: str, text: str) -> bool:
    """Tell whether the parser takes a text."""
    try:
        if kind == "json":
            json.loads(text)
        elif kind == "float":
            float(text)
        elif kind in _NUMBERS:
            return bool(_NUMBERS[kind].match(text))
    except ValueError:
        return False
    return True


def _check_range(known: Known, text: str, where: str) -> None:
    low, high = RANGES.get(known.name, (0.0, 0.0))
    # Not "outside": nan is neither inside nor outside.
    if known.name in RANGES and not low < float(text) < high:
        raise PlanError(f"{where}: {text} is not a share of the memory; write a number between {low:g} and {high:g}")


def _check_choice(known: Known, text: str, where: str, program: Program, version: Version) -> None:
    if not known.choices or text in known.choices:
        return
    if load_history(program).spans(known.name, text):
        raise needs(program, known.name, version, where, text)
    raise PlanError(
        f"{where}: --{known.name} takes one of {', '.join(known.choices)}, not {text!r}"
        f"{nearest(text, known.choices) or '; choose one of them'}"
    )
