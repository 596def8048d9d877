# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Environment variables of units, as the user writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .errors import PlanError, shown
from .values import one_text

# Written by the plan or by prestart.py for each host; a value from the inventory would be the same on all hosts, or for
# all instances of a host. Name -> what to do instead.
OWNED = {
    "SGLANG_HOST_IP": "set sglang_cluster_address on the host",
    "HOST_IP": "set sglang_cluster_address on the host",
    "CUDA_VISIBLE_DEVICES": "list the GPUs in sglang_gpus on the host",
    # Each of them would lead the ranks elsewhere than planned.
    "SGLANG_DISTRIBUTED_INIT_METHOD_OVERRIDE": "remove it, because the plan chooses the rendezvous of each instance",
    "SGLANG_GRPC_PORT": "set extra_ports: {grpc-port: N}",
    "SGLANG_PLAN_DIGEST": "remove it",
    "SGLANG_UNIT_DIGEST": "remove it",
    "PATH": "remove it, because units have a PATH of their own",
}
# What the plan asks of a group, so that no host of it may differ. Name -> what to do instead.
_IN_GROUP = "set it in env of the group, because all hosts of an instance need the same"
SAME_ON_ALL = {"SGLANG_RUST_SERVER": _IN_GROUP, "SGLANG_TCP_STORE_PORT": _IN_GROUP}
# The values that SGLang takes for true (environ.py, EnvBool).
TRUE = ("true", "1", "yes", "y")
# Names of variables whose values nobody is to see.
SECRET = re.compile(r"TOKEN|KEY|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
_SURELY_SECRET = re.compile(r"(^|_)(TOKEN|KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)\Z", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def is_true(env: Mapping[str, str], name: str) -> bool:
    """Tell whether SGLang takes a variable for true."""
    return env.get(name, "").lower() in TRUE


def secrets(env: Mapping[str, str]) -> list[str]:
    """Return the variables that are secrets by their names, and by values that are no numbers."""
    return [name for name, value in sorted(env.items()) if _SURELY_SECRET.search(name) and not value.isdecimal()]


def parse_env(value: Any, where: str, further: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Return a mapping of environment variables to strings; refuse what an environment file cannot hold.

    further: names that are refused here only, and what to do instead.
    """
    owned = {**OWNED, **further}
    if not isinstance(value, Mapping):
        raise PlanError(f"{where}: {value!r} is not a mapping; write it as in {{NCCL_DEBUG: INFO}}")
    return {str(name): _value(str(name), item, f"{where}.{name}", owned) for name, item in value.items()}


def _value(name: str, item: Any, where: str, owned: Mapping[str, str]) -> str:
    if not _NAME.match(name):
        raise PlanError(
            f"{where}: {name!r} is not the name of an environment variable; use letters, digits and underscores"
        )
    if name in owned:
        raise PlanError(f"{where}: {name} is owned by the plan; {owned[name]}")
    if isinstance(item, bool):
        raise PlanError(
            f'{where}: {shown(item)} is a boolean; write the string that the program expects, as in "1" or "true"'
        )
    if isinstance(item, float):
        raise PlanError(f"{where}: YAML reads a number, {item!r}, which may not be what was written; put it in quotes")
    if not isinstance(item, (str, int)):
        raise PlanError(f"{where}: {item!r} is not a string; write a string or a number")
    text = one_text(str(item), where)
    if text == "":
        raise PlanError(
            f"{where}: an empty value is not the same as an unset variable (an empty GID index reads as 0); "
            "remove the line"
        )
    if "\n" in text:
        raise PlanError(f"{where}: the value has more than one line; write it in one")
    return text
