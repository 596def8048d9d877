# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look for RDMA devices before a start agrees with what preflight says of the same host."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import pci
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._node import rdma as node_rdma
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import rdma

SCRIPT = pathlib.Path(__file__).parents[4] / "roles/sglang_server/files/rdma.py"
FIXTURES = pathlib.Path(__file__).parents[2] / "plugins/module_utils/fixtures"


def grow(root: pathlib.Path, name: str) -> None:
    """Make the files of a recorded host below a directory."""
    for line in (FIXTURES / name).read_text(encoding="utf-8").splitlines():
        path, arrow, target = line.partition(" -> ")
        if arrow:
            place = root / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(
                os.path.relpath(root / target.lstrip("/"), place.parent) if target.startswith("/") else target
            )
        elif " =" in line:
            path, _unused, text = line.partition(" =")
            place = root / path.strip().lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text.strip() + "\n", encoding="utf-8")


def look(
    root: pathlib.Path, tmp_path: pathlib.Path, *words: str, **environment: str
) -> tuple[subprocess.CompletedProcess[str], str, dict[str, str]]:
    """Run the program on a recorded host; returns how it ended, rdma.env and the mapping."""
    text = SCRIPT.read_text(encoding="utf-8").replace('ROOT = pathlib.Path("/")', f"ROOT = pathlib.Path({str(root)!r})")
    directory = tmp_path / "run"
    directory.mkdir(exist_ok=True)
    environ = {**os.environ, "RUNTIME_DIRECTORY": str(directory), **environment}
    done = subprocess.run(
        [sys.executable, "-c", text, *words], env=environ, check=False, capture_output=True, text=True
    )
    written = directory / "rdma.env"
    mapping = json.loads((directory / "ib_devices.json").read_text(encoding="utf-8")) if written.exists() else {}
    return done, written.read_text(encoding="utf-8") if written.exists() else "", mapping


@pytest.mark.parametrize("name", ["infiniband.tree", "roce_bond.tree"])
def test_it_agrees_with_preflight(tmp_path: pathlib.Path, name: str) -> None:
    root = tmp_path / "host"
    grow(root, name)
    host = Root(str(root))
    gpus = pci.nvidia_devices(host)[0]
    seen, _problems = node_rdma.gather(
        host, Commands(lambda *_words, **_more: (1, "", ""), lambda _name: None, 1), gpus
    )
    listed = [{"index": number, "pci": gpu.address} for number, gpu in enumerate(gpus)]
    expected = rdma.devices({"rdma": seen, "gpu": {"gpus": listed}}, [])
    done, environment, mapping = look(root, tmp_path, "--gpus", ",".join(str(gpu["index"]) for gpu in listed))
    assert done.returncode == 0, done.stderr
    assert mapping == expected["by_gpu"]
    assert mapping
    assert environment == f'NCCL_IB_HCA="{expected["nccl_ib_hca"]}"\n'


def test_what_the_unit_sets_itself_stays(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "host"
    grow(root, "infiniband.tree")
    assert look(root, tmp_path, "--gpus", "0", NCCL_IB_HCA="mlx5_7")[1] == ""


def test_a_host_without_devices_is_refused_only_where_they_are_needed(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "host"
    root.mkdir()
    assert look(root, tmp_path, "--gpus", "0")[:1][0].returncode == 0
    done, _environment, _mapping = look(root, tmp_path, "--gpus", "0", "--required")
    assert done.returncode == 1
    assert "refused: of its RDMA devices (none) none that may be used is active" in done.stderr


def test_only_devices_that_may_be_used(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "host"
    grow(root, "infiniband.tree")
    assert look(root, tmp_path, "--gpus", "0", "--required", "none_*")[0].returncode == 1
