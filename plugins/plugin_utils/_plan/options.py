# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""SGLang's own command line options: find one in any spelling that argparse accepts, and write it as words."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import PlanError, nearest
from .versions import NEWEST, OPTION_SINCE, Version, spell

TABLE = Path(__file__).with_name("options-0.5.23.json")

# What the plan writes itself, and where the user says it instead.
OWNED: dict[str, str] = {
    "model-path": "set model on the deployment",
    "served-model-name": "set served_model_name on the deployment",
    "host": "set host beside hosts",
    "port": "set port beside hosts",
    "nccl-port": "it belongs to the port plan",
    "dist-init-addr": "the plan uses the cluster address of the first host; set dist_init_port to move its port",
    "nnodes": "set nnodes beside hosts",
    "node-rank": "the order of the hosts decides it",
    "tp-size": "set tp_size beside hosts",
    "pp-size": "set pp_size beside hosts",
    "ep-size": "set ep_size beside hosts",
    "dp-size": "set dp_size (replicas on one host) or attn_dp_size beside hosts",
    "attn-dp-size": "set attn_dp_size beside hosts",
    "enable-dp-attention": "set attn_dp_size beside hosts",
    "moe-a2a-backend": "set moe_a2a_backend beside hosts",
    "ep-num-redundant-experts": "set ep_num_redundant_experts beside hosts",
    "base-gpu-id": "the plan places instances on GPUs",
    "gpu-id-step": "the plan places instances on consecutive GPUs",
    "disaggregation-mode": "write prefill: and decode: groups",
    "disaggregation-bootstrap-port": "set bootstrap_port on the prefill group",
    "disaggregation-transfer-backend": "set disaggregation_transfer_backend beside hosts",
    "disaggregation-ib-device": "set disaggregation_ib_device beside hosts",
    "api-key": "set sglang_server_api_key, which never reaches a command line",
    "admin-api-key": "set sglang_server_admin_api_key, which never reaches a command line",
    "config": "write the options here; the role uses --config for the API keys",
    "use-ray": "the collection starts every rank itself",
    "grpc-port": "set extra_ports: {grpc-port: N}",
    "smg-http-sidecar-port": "set extra_ports: {smg-http-sidecar-port: N}",
    "gated-launch-port": "set extra_ports: {gated-launch-port: N}",
    "engine-info-bootstrap-port": "set extra_ports: {engine-info-bootstrap-port: N}",
    "encoder-bootstrap-port": "set extra_ports: {encoder-bootstrap-port: N}",
    "help": "it prints and ends",
}
PORT_OPTIONS = ("grpc-port", "smg-http-sidecar-port", "gated-launch-port", "engine-info-bootstrap-port", "encoder-bootstrap-port")


@dataclass(frozen=True)
class Option:
    """One option of launch_server.

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
            self.by_spelling[known].name: self.by_spelling[known] for known in self.by_spelling if spelling and known.startswith(spelling)
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
def load_table() -> OptionTable:
    """Read the option table of the newest known release."""
    rows = json.loads(TABLE.read_text(encoding="utf-8"))
    return OptionTable(
        Option(row["names"][0], tuple(row["names"]), row["kind"], row.get("type", "str"), tuple(row.get("choices", ()))) for row in rows
    )


def is_given(args: Mapping[str, Any], name: str) -> bool:
    """Tell whether server_args set an option, in any spelling that argparse accepts; a flag set to false is not given."""
    table = load_table()
    keys = [key for key, value in args.items() if value is not False]
    return any(option is not None and option.name == name for option in (table.find(str(key), str(key)) for key in keys))


def check_since(option: Option, version: Version, where: str) -> None:
    """Refuse an option that the pinned release does not have yet."""
    since = OPTION_SINCE.get(option.name)
    if since is not None and version < since:
        raise PlanError(
            f"{where}: --{option.name} needs SGLang {spell(since)}, but sglang_runtime_version is "
            f"{spell(version)}; remove it or raise the version"
        )


def server_args_words(args: Mapping[str, Any], version: Version, where: str, warnings: list[str]) -> list[str]:
    """Check a mapping of server_args against the option table and return it as command line words, in its order."""
    table, words = load_table(), []
    seen: dict[str, str] = {}
    for key, value in args.items():
        here = f"{where}.{key}"
        option = table.find(str(key), here)
        if option is None:
            words += _unknown(table, str(key), value, version, here, warnings)
            continue
        if option.name in OWNED:
            raise PlanError(f"{here}: --{option.name} is owned by the plan; {OWNED[option.name]}")
        if option.name in seen:
            raise PlanError(f"{here}: it is the same option as {where}.{seen[option.name]}; keep one of them")
        seen[option.name] = str(key)
        check_since(option, version, here)
        words += option_words(option, value, here)
    return words


def _unknown(table: OptionTable, key: str, value: Any, version: Version, here: str, warnings: list[str]) -> list[str]:
    if version == NEWEST:
        raise PlanError(f"{here}: SGLang {spell(NEWEST)} has no option --{normal(key)}{table.nearest(key) or '; see launch_server --help'}")
    warnings.append(
        f"{here}: not in the option table of SGLang {spell(NEWEST)}; it is passed on as written because "
        f"sglang_runtime_version is {spell(version)}"
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
        raise PlanError(f"{where}: --{option.name} takes a list, but {value!r} is {_kind(value)}; write [{', '.join(str(value).split())}]")
    words = [_one(option, item, where) for item in value]
    for word in filter(_looks_like_option, words):
        raise PlanError(f"{where}: {word!r} begins with a dash and would be read as an option; --{option.name} cannot take it in a list")
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
