# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest is one text for one content, and refuses everything else."""

from __future__ import annotations

import hashlib
import json

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.manifest import (
    Entry,
    Manifest,
    blocks,
    name_of,
)
from hypothesis import given
from hypothesis import strategies as st

SHA = "ab" * 32
PATHS = st.lists(st.text("abcäé.-_ ", min_size=1, max_size=5), min_size=1, max_size=3).map("/".join)
ENTRIES = st.builds(Entry, st.integers(0, 1 << 50), st.just(SHA), st.just("cd" * 32), st.booleans())


def valid(path: str) -> bool:
    """Tell whether a path has no empty and no relative part."""
    return not {"", ".", ".."} & set(path.split("/"))


@given(st.dictionaries(PATHS.filter(valid), ENTRIES), st.randoms())
def test_it_is_the_same_text_in_any_order_and_after_reading(files: dict[str, Entry], shuffle: object) -> None:
    data = Manifest(files, {}, 4096).dump()
    assert Manifest(dict(reversed(list(files.items()))), {}, 4096).dump() == data
    assert Manifest.load(data).dump() == data


def test_the_name_is_the_sha256_of_the_text() -> None:
    data = Manifest({"a": Entry(1, SHA, SHA, False)}, {}, 4096).dump()
    assert name_of(data) == hashlib.sha256(data).hexdigest()
    assert json.loads(data)["files"] == {"a": {"size": 1, "sha256": SHA, "marks": SHA}}


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../up", "a/../../b", "a//b", "a\nb", ".release/manifest.json", "./a", ""]
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    data = Manifest({path: Entry(1, SHA, SHA, False)}, {}, 4096).dump()
    with pytest.raises(Refused, match="rename it"):
        Manifest.load(data)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"format": 1}', b"\xff", b'{"block":4096,"files":{},"format":2,"links":{}}\n']
)
def test_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match=r"this is not (a|the) manifest"):
        Manifest.load(data)


def test_another_spelling_of_the_same_is_refused() -> None:
    data = Manifest({}, {}, 4096).dump()
    with pytest.raises(Refused, match=r"this is not (a|the) manifest"):
        Manifest.load(json.dumps(json.loads(data), indent=1).encode())


@pytest.mark.parametrize(
    "entry", [Entry(-1, SHA, SHA, False), Entry(1, "xy", SHA, False), Entry(1, SHA, SHA.upper(), False)]
)
def test_an_entry_without_sense_is_refused(entry: Entry) -> None:
    with pytest.raises(Refused, match="entry of a has no valid size"):
        Manifest.load(Manifest({"a": entry}, {}, 4096).dump())


def test_marks_are_those_of_the_manifest() -> None:
    first, second = b"1" * 64, b"2" * 32
    files = {
        "b": Entry(4000, SHA, hashlib.sha256(second).hexdigest(), False),
        "a": Entry(5000, SHA, hashlib.sha256(first).hexdigest(), False),
    }
    manifest = Manifest(files, {}, 4096)
    assert manifest.split_marks(first + second) == {"a": first, "b": second}
    with pytest.raises(Refused, match="the marks of b"):
        manifest.split_marks(first + b"3" * 32)


@given(st.integers(0, 10**7), st.sampled_from([4096, 1 << 20]))
def test_blocks_cover_a_file(size: int, block: int) -> None:
    assert (blocks(size, block) - 1) * block < size <= blocks(size, block) * block or size == blocks(size, block) == 0
