# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the options of the installed SGLang or router as JSON, one option a line.

Run it with the interpreter of a venv that has the program and with the program's name (sglang, sglang-router or smg).
option_tables.py puts its output into the tables of the plan.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import typing
from typing import Any

# Program -> the class that adds its options to a parser, and how it is asked for options without a prefix.
PROGRAMS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sglang": ("sglang.srt.server_args", "ServerArgs", {}),
    "sglang-router": ("sglang_router.router_args", "RouterArgs", {"use_router_prefix": False}),
    "smg": ("smg.router_args", "RouterArgs", {"use_router_prefix": False}),
}
FLAGS = (argparse._StoreTrueAction, argparse._StoreFalseAction, argparse._StoreConstAction, argparse._HelpAction)
TYPES = {"int": "int", "float": "float", "json_list_type": "json", "loads": "json", "human_readable_int": "size"}


def kind_of(action: argparse.Action) -> str:
    """Tell how many words follow the option."""
    if isinstance(action, argparse.BooleanOptionalAction):
        return "boolean"
    if isinstance(action, FLAGS) or action.nargs == 0:
        return "flag"
    if action.nargs == "?":
        return "optional"
    return "list" if action.nargs in ("+", "*") or isinstance(action.nargs, int) else "value"


def type_of(action: argparse.Action) -> str:
    """Name the type of one word; what is neither a number, a size, JSON nor a LoRA is a string."""
    if type(action).__name__ == "LoRAPathAction":
        return "lora"
    # Text for the parser, and read as JSON a moment later.
    if isinstance(action.default, str) and action.default.startswith("{"):
        return "json"
    name = getattr(action.type, "__name__", "str")
    if action.type is not None and name not in TYPES and name != "str":
        inner = [getattr(item, "__name__", "") for item in typing.get_args(action.type)]
        name = next((item for item in inner if item in TYPES), "str")
    return TYPES.get(name, "str")


def row(action: argparse.Action) -> dict[str, object]:
    """Return one line of the table; empty columns are left out."""
    names = [name.removeprefix("--") for name in action.option_strings if name.startswith("--")]
    out: dict[str, object] = {"names": names, "kind": kind_of(action)}
    if type_of(action) != "str":
        out["type"] = type_of(action)
    if action.choices:
        out["choices"] = sorted(str(choice) for choice in action.choices)
    # An option that is known only to say what replaced it.
    if getattr(action, "error_message", None):
        out["retired"] = " ".join(str(action.error_message).split())  # type: ignore[attr-defined]
    return out


module, name, words = PROGRAMS[sys.argv[1]]
parser = argparse.ArgumentParser()
getattr(importlib.import_module(module), name).add_cli_args(parser, **words)
rows = [row(action) for action in parser._actions if any(name.startswith("--") for name in action.option_strings)]
print("[\n" + ",\n".join(json.dumps(line) for line in sorted(rows, key=lambda line: line["names"])) + "\n]")
