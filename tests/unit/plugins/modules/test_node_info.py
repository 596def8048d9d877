# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as a program: quick, and not held up by a file system whose server is gone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

NAME = "ansible_collections.multinode.sglang.plugins.modules.node_info"
# Mounts a FUSE file system that nobody serves, as a hard NFS mount whose server is gone, and runs a command beside
# it, in a mount namespace of its own.
MUTE = """
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
if libc.mount(b"gone:/models", sys.argv[1].encode(), b"fuse.gone", 0, options) != 0:
    sys.exit("cannot mount: " + os.strerror(ctypes.get_errno()))
sys.exit(subprocess.run(sys.argv[2:], timeout=60).returncode)
"""


def words(**params: Any) -> list[str]:
    """The command line of the module."""
    return [sys.executable, "-m", NAME, json.dumps({"ANSIBLE_MODULE_ARGS": params})]


def environment() -> dict[str, str]:
    """Where the collection is."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def node(text: str) -> dict[str, Any]:
    """What the module returned."""
    return json.loads(text)["node"]


def test_this_machine_in_under_a_second() -> None:
    # One command in hundreds takes a second more: run_command waits that long if a process ends between two polls.
    looks = []
    for _attempt in range(3):
        done = subprocess.run(words(), env=environment(), capture_output=True, text=True, check=True)
        found = node(done.stdout)
        assert found["kernel"]["memory_mib"] > 0
        looks.append(max(found["seconds"].values()))
    assert min(looks) < 1


def test_a_dead_file_system_is_named_and_holds_nothing_up(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse") or not shutil.which("unshare"):
        pytest.skip("mounting a file system that does not answer needs root, FUSE and unshare")
    dead = tmp_path / "dead"
    dead.mkdir()
    mute = ["unshare", "--mount", sys.executable, "-c", MUTE, str(dead)]
    module = words(gather=["disks", "kernel"], paths=[f"{dead}/models", str(tmp_path)], timeout=0.5)
    if subprocess.run([*mute, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount FUSE")
    started = time.monotonic()
    done = subprocess.run([*mute, *module], env=environment(), capture_output=True, text=True, check=True)
    assert time.monotonic() - started < 10
    found = node(done.stdout)
    assert found["problems"] == [f"disks: {dead}/models on {dead} (fuse.gone gone:/models): it did not answer in time"]
    gone, alive = found["disks"]
    assert (gone["remote"], gone["free_mib"]) == (True, None)
    assert alive["free_mib"] > 0
