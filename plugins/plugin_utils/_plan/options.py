# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Options of SGLang and its routers, as the user writes them: which they are, and what the plan does not accept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Option

from .errors import PlanError
from .programs import Program
from .tables import Known, OptionTable, load_history, load_table, needs, normal
from .values import checked
from .versions import Version, spell


def named(program: Program, args: Mapping[str, Any], version: Version) -> set[str]:
    """Return the names of the options among args, whatever their values."""
    table = load_table(program, version)
    return {name for key in args for name in table.matches(str(key))}


def read_args(
    program: Program, args: Mapping[str, Any], version: Version, where: str, warnings: list[str]
) -> tuple[Option, ...]:
    """Check a mapping of options against the table of the release and return them in its order."""
    table = load_table(program, version)
    found: list[Option] = []
    seen: dict[str, str] = {}
    for key, value in args.items():
        here = f"{where}.{key}"
        known = _known(program, table, str(key), value, version, here, warnings)
        if known.name in seen:
            raise PlanError(f"{here}: it is the same option as {where}.{seen[known.name]}; keep one of them")
        seen[known.name] = str(key)
        found += checked(known, value, here, program, version)
    return tuple(found)


def _known(
    program: Program, table: OptionTable, key: str, value: Any, version: Version, here: str, warnings: list[str]
) -> Known:
    """Return the option that a key means."""
    matches = table.matches(key)
    for name in (normal(key), *(matches if len(matches) == 1 else ())):
        _refuse_reserved(program, name, here)
    if not table.listed:
        return _unchecked(program, version, matches.get(normal(key)), key, value, here, warnings)
    known = table.find(key, here)
    if known is None and load_history(program).spans(normal(key)):
        raise needs(program, normal(key), version, here)
    if known is None:
        hint = table.nearest(key) or f"; see python -m {program.module} --help"
        raise PlanError(f"{here}: {program.title} {spell(version)} has no option --{normal(key)}{hint}")
    if known.retired:
        raise PlanError(
            f"{here}: {program.title} {spell(version)} refuses --{known.name} ({known.retired.rstrip('.')}); "
            "write what replaced it"
        )
    return known


def _refuse_reserved(program: Program, name: str, here: str) -> None:
    if name in program.owned:
        raise PlanError(f"{here}: --{name} is owned by the plan; {program.owned[name]}")
    if name in program.refused:
        raise PlanError(f"{here}: --{name} {program.refused[name]}")


def _unchecked(
    program: Program, version: Version, known: Known | None, key: str, value: Any, here: str, warnings: list[str]
) -> Known:
    """Return an option of a release that is not known: as it is written, for the program's own parser to judge."""
    kind = "flag" if isinstance(value, bool) else "list" if isinstance(value, list) else "value"
    if known is not None:
        kept = known.type == "json" or (known.kind == "boolean" and kind == "flag")
        return replace(
            known, kind=known.kind if kept else kind, type="json" if known.type == "json" else "str", choices=()
        )
    if not program.asked:
        warnings.append(
            f"{here}: {program.title} {load_history(program).releases[-1]} has no such option; it is passed on as "
            f"written, because {program.variable} is {spell(version)}"
        )
    return Known(normal(key), (normal(key),), kind, "str")
