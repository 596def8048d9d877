# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A safetensors file that is not whole is refused from its header."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.safetensors import (
    check_header,
    check_index,
)

from .conftest import safetensors


def tensor(begin: int, end: int, dtype: str = "U8", shape: list[int] | None = None) -> dict[str, Any]:
    """Make an entry of a header."""
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


def check(path: Path, data: bytes, available: int | None = None) -> bool:
    """Check a file with this content."""
    path.write_bytes(data)
    return check_header(str(path), "x.safetensors", len(data), len(data) if available is None else available)


def with_header(header: object, data: int) -> bytes:
    """Make a file from a header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(data)


def test_a_good_file(tmp_path: Path) -> None:
    assert check(tmp_path / "f", safetensors({"a": 10, "b": 0, "c": 7}))
    assert check(
        tmp_path / "f", with_header({"__metadata__": {"format": "pt"}, "a": tensor(0, 12, "BF16", [2, 3])}, 12)
    )
    assert check(tmp_path / "f", with_header({"a": tensor(0, 3, "F4", [2, 3])}, 3))
    assert check(tmp_path / "f", with_header({"a": tensor(0, 9, "A_TYPE_OF_TOMORROW", [2])}, 9))


def test_a_header_that_is_not_here_yet(tmp_path: Path) -> None:
    assert not check(tmp_path / "f", safetensors({"a" * 500: 10}), available=100)


@pytest.mark.parametrize("cut", [1, 5, 17])
def test_a_truncated_file(tmp_path: Path, cut: int) -> None:
    with pytest.raises(Refused, match="truncated"):
        check(tmp_path / "f", safetensors({"a": 10, "b": 7})[:-cut])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"1234567", "too few"),
        (struct.pack("<Q", 1 << 40) + b"{}", "claims 1099511627776 bytes"),
        (with_header({"a": tensor(0, 5), "b": tensor(6, 9)}, 9), "a gap before tensor b"),
        (with_header({"a": tensor(0, 5), "b": tensor(4, 9)}, 9), "an overlap before tensor b"),
        (with_header({"a": tensor(0, 5)}, 6), "too long"),
        (with_header({"a": tensor(0, 5, "F32", [1])}, 5), "not that of a safetensors file"),
        (with_header({"a": {"dtype": "U8"}}, 0), "not that of a safetensors file"),
        (with_header(b"not json", 0), "not that of a safetensors file"),
        (with_header([1], 0), "not that of a safetensors file"),
        (bytes(100), "not that of a safetensors file"),
    ],
)
def test_a_damaged_file(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(Refused, match=message):
        check(tmp_path / "f", data)


def test_an_index_names_shards_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "index"
    path.write_text(json.dumps({"weight_map": {"x": "a", "y": "b", "z": "a"}}))
    check_index(str(path), "sub/index", ["sub/a", "sub/b", "c"])
    with pytest.raises(Refused, match="sub/index names sub/b, which the source does not have"):
        check_index(str(path), "sub/index", ["sub/a", "b"])
    path.write_text("[]")
    with pytest.raises(Refused, match="not an index"):
        check_index(str(path), "index", [])


@pytest.mark.parametrize(
    "header",
    [b'{"a": {"dtype": "U8", "shape": [Infinity], "data_offsets": [0, 1]}}', b"[" * 200_000, b'{"a": ' * 100_000],
)
def test_a_header_that_somebody_made_up_is_refused_in_a_sentence(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(Refused, match="is not that of a safetensors file"):
        check(tmp_path / "x", with_header(header, 1))
    (tmp_path / "index").write_bytes(header)
    with pytest.raises(Refused, match="is not an index of safetensors files"):
        check_index(str(tmp_path / "index"), "index", ["a"])
