# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which GPUs of a host deployments may use: so many, or those of a list by index or UUID."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import PlanError

# Indexes in the order of nvidia-smi, or UUIDs of whole GPUs or of MIG slices.
Gpus = Sequence[int | str]
MIG = "MIG-"
_UUID = re.compile(r"(GPU|MIG)-[0-9A-Za-z/-]+")
_EXAMPLE = "write indexes, as in [4, 5, 6, 7], or the UUIDs that nvidia-smi -L prints"


def read_gpus(host: str, values: Mapping[str, Any]) -> tuple[Gpus, bool]:
    """Return the GPUs of a host from its variables, and whether the user listed them."""
    if values.get("sglang_gpus") is not None:
        return _listed(host, values["sglang_gpus"]), True
    count = values.get("sglang_gpus_per_node", 8)
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        quoted = isinstance(count, str) and count.isdecimal()
        fix = "remove the quotes, or convert it with | int" if quoted else "set it to 0 or more"
        raise PlanError(f"host {host}: sglang_gpus_per_node is {count!r}, which is not a number of GPUs; {fix}")
    return range(count), False


def _listed(host: str, value: Any) -> Gpus:
    where = f"host {host}: sglang_gpus"
    if not isinstance(value, (list, tuple)):
        raise PlanError(f"{where} is {value!r}, which is not a list; {_EXAMPLE}")
    for item in value:
        is_index = isinstance(item, int) and not isinstance(item, bool) and item >= 0
        if not is_index and not (isinstance(item, str) and _UUID.fullmatch(item)):
            raise PlanError(f"{where} has {item!r}, which is neither an index nor a UUID of a GPU; {_EXAMPLE}")
    if len(set(map(_kind, value))) > 1:
        raise PlanError(f"{where} mixes indexes and UUIDs, or whole GPUs and MIG slices; list one kind")
    if len(set(value)) < len(value):
        twice = next(item for item in value if value.count(item) > 1)
        raise PlanError(f"{where} has {twice!r} twice; list each GPU once")
    return tuple(value)


def _kind(gpu: int | str) -> str:
    return "index" if isinstance(gpu, int) else gpu[: len(MIG)]


def is_slice(gpu: int | str) -> bool:
    """Tell whether a GPU is a MIG slice."""
    return _kind(gpu) == MIG


def is_uuid(gpu: int | str) -> bool:
    """Tell whether a GPU is named by its UUID."""
    return _kind(gpu) != "index"
