# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of SHA-256 that come with models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.sums import from_hub, is_list, parse

A, B = "a" * 64, "b" * 64


def test_the_formats() -> None:
    text = (
        f"# comment\n{A}  model.safetensors\n{B.upper()} *./sub/x y.bin\nSHA256 (other) = {A}\n{'c' * 32}  md5\n{A}\n"
    )
    assert parse(text, "") == {"model.safetensors": A, "sub/x y.bin": B, "other": A}
    assert parse(f"{A}  model", "deep/er") == {"deep/er/model": A}


@pytest.mark.parametrize(
    "name",
    ["SHA256SUMS", "sha256sum.txt", "sub/sha256", "checksums.txt", "checksum.sha256", "model.safetensors.sha256"],
)
def test_a_list_is_known_by_its_name(name: str) -> None:
    assert is_list(name, 100)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "sha256.py"])
def test_other_files_are_no_lists(name: str) -> None:
    assert not is_list(name, 100)


def test_what_the_hub_client_keeps(tmp_path: Path) -> None:
    folder = tmp_path / ".cache/huggingface/download/sub"
    folder.mkdir(parents=True)
    (folder / "big.metadata").write_text(f"commit\n{A}\n1700000000.0\n")
    (folder / "small.metadata").write_text(f"commit\n{'d' * 40}\n1700000000.0\n")
    assert from_hub(str(tmp_path), ["sub/big", "sub/small", "none"]) == {"sub/big": A}


def test_a_pipe_in_the_place_of_what_the_hub_client_keeps_is_not_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / ".cache/huggingface/download"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "big.metadata")
    assert from_hub(str(tmp_path), ["big"]) == {}
