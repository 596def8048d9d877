# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check safetensors files by their headers alone, and the index that names the shards."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterable
from typing import Any

from ..._base.text import first_few
from .errors import Refused

_LENGTH = struct.Struct("<Q")
_LONGEST = 100_000_000
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
# What a text that somebody made up can raise: Infinity in a shape, or lists in lists without end.
_NONSENSE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
SUFFIX = ".safetensors"
INDEX_SUFFIX = ".safetensors.index.json"


def check_header(path: str, name: str, size: int, available: int) -> bool:
    """Check a file of which the first bytes are here; return whether they were enough for that."""
    if size < _LENGTH.size:
        raise Refused(f"{name} has {size} bytes, too few for a safetensors file; complete the source")
    with open(path, "rb") as handle:
        (length,) = _LENGTH.unpack(handle.read(_LENGTH.size))
        if length > min(_LONGEST, size - _LENGTH.size):
            raise Refused(
                f"{name}: the header claims {length} bytes in a file of {size}; the file is truncated or damaged"
            )
        if _LENGTH.size + length > available:
            return False
        header = handle.read(length)
    try:
        tensors = json.loads(header)
        tensors.pop("__metadata__", None)
        spans = sorted((*_span(tensor), tensor_name) for tensor_name, tensor in tensors.items())
    except _NONSENSE:
        raise Refused(f"{name}: the header is not that of a safetensors file; the file is damaged") from None
    _check_spans(name, spans, size - _LENGTH.size - length)
    return True


def _span(tensor: dict[str, Any]) -> tuple[int, int]:
    begin, end = tensor["data_offsets"]
    bits = _BITS.get(tensor["dtype"])
    for number in tensor["shape"]:
        bits = None if bits is None else bits * int(number)
    if bits is not None and (end - begin) * 8 != bits:
        raise ValueError("offsets do not match the shape")
    return int(begin), int(end)


def _check_spans(name: str, spans: Iterable[tuple[int, int, str]], data: int) -> None:
    position = 0
    for begin, end, tensor in spans:
        if begin != position or end < begin:
            kind = "a gap" if begin > position else "an overlap"
            raise Refused(f"{name}: {kind} before tensor {tensor} at byte {begin} of the data; the file is damaged")
        position = end
    if position != data:
        kind = "truncated" if position > data else "too long"
        raise Refused(
            f"{name}: the tensors end at byte {position}, the data at {data}: the file is {kind}; complete the source"
        )


def check_index(path: str, name: str, present: Iterable[str]) -> None:
    """Refuse an index that names shards that are not there."""
    try:
        with open(path, encoding="utf-8") as handle:
            shards = {str(shard) for shard in json.loads(handle.read(_LONGEST))["weight_map"].values()}
    except _NONSENSE:
        raise Refused(f"{name} is not an index of safetensors files; complete the source") from None
    folder = os.path.dirname(name)
    wanted = {f"{folder}/{shard}" if folder else shard for shard in shards}
    missing = sorted(wanted - set(present))
    if missing:
        raise Refused(f"{name} names {first_few(missing, 3)}, which the source does not have; complete the source")
