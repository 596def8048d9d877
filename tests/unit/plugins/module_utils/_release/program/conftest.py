# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of releases share: sources, stores, and the program as a host gets it."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release import service
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.request import Request
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.store import Store
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.sync import sync

BLOCK = 4096


def safetensors(tensors: dict[str, int], seed: int = 0) -> bytes:
    """Make a file with tensors of these sizes."""
    header, position = {}, 0
    for name, size in tensors.items():
        header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [position, position + size]}
        position += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + hashlib.shake_128(repr(seed).encode()).digest(position)


def make_model(root: Path, shards: int = 3, size: int = 5 * BLOCK + 100, seed: int = 0) -> Path:
    """Make a small model with an index."""
    root.mkdir(parents=True, exist_ok=True)
    names = [f"model-{number:05}-of-{shards:05}.safetensors" for number in range(1, shards + 1)]
    for number, name in enumerate(names):
        (root / name).write_bytes(safetensors({f"layer.{number}": size}, seed * 1000 + number))
    index = {"metadata": {}, "weight_map": {f"layer.{number}": name for number, name in enumerate(names)}}
    (root / "model.safetensors.index.json").write_text(json.dumps(index))
    (root / "config.json").write_text('{"model_type": "llama"}')
    return root


def prove(source: Path) -> None:
    """Have the sums of all files beside them, as the Hugging Face client does."""
    for path in [path for path in source.rglob("*") if path.is_file()]:
        known = source / ".cache/huggingface/download" / f"{path.relative_to(source)}.metadata"
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(f"commit\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n0\n")


def request(source: Path, **options: Any) -> Request:
    """Ask for a source in small blocks."""
    return Request(str(source), **{"block": BLOCK, "reserve": 0, **options})


def bring(store: Store, source: Path, **options: Any) -> dict[str, Any]:
    """Bring a source into a store."""
    return sync(store, request(source, **options))


def start(program: list[str], store: Path, source: Path, run: str) -> subprocess.Popen[str]:
    """Start the program with a request, as its service does."""
    path = store.with_name(f"{run}.json")
    path.write_text(json.dumps({"store": str(store), "source": str(source), "run": run, "reserve": 0, "plan": None}))
    return subprocess.Popen([*program, str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def source(quick: Path) -> Path:
    """A small model."""
    return make_model(quick / "source")


@pytest.fixture
def store(quick: Path) -> Store:
    """An empty store."""
    return Store(str(quick / "store"))


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The words that start the program."""
    folder = tmp_path_factory.mktemp("program") / "installed"
    service.write_program(str(folder), service.program_files())
    return [sys.executable, *service.PYTHON[1:], str(folder / service.LAUNCHER)]
