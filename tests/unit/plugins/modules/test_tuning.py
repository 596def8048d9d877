# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as a program: what the real kernel refuses is told, and check mode writes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NAME = "ansible_collections.multinode.sglang.plugins.modules.tuning"
# A sysctl that nobody can set, in a container neither.
READ_ONLY = "net.ipv4.tcp_available_congestion_control"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """The files of the module, out of the way of this machine's."""
    return {name: str(tmp_path / name) for name in ("sysctl_file", "tmpfiles_file", "limits_file")}


def run(check: bool, **params: Any) -> dict[str, Any]:
    """Run the module."""
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {**params, "_ansible_check_mode": check, "_ansible_diff": True}})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-m", NAME, arguments], env=environment, capture_output=True, text=True, check=False
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_check_mode_on_this_machine_writes_nothing(files: dict[str, str], tmp_path: Path) -> None:
    told = run(True, sysctls_at_least={"vm.max_map_count": 2147483647}, reserved_ports="20000-20006", **files)
    assert told["changed"] is True
    assert "set vm.max_map_count = 2147483647" in told["actions"] or [item["name"] for item in told["refused"]] == [
        "vm.max_map_count"
    ]
    assert any("20000-20006" in diff["after"] for diff in told["diff"])
    assert list(tmp_path.iterdir()) == []


def test_what_the_kernel_refuses_is_told_and_is_no_change_the_second_time(files: dict[str, str]) -> None:
    first = run(False, sysctls={READ_ONLY: "1"}, **files)
    second = run(False, sysctls={READ_ONLY: "1"}, **files)
    assert [item["name"] for item in first["refused"]] == [item["name"] for item in second["refused"]] == [READ_ONLY]
    assert (first["actions"], second["actions"]) == ([f"write {files['sysctl_file']}"], [])
    assert "read-only here" in json.dumps(second)


def test_what_makes_no_sense_is_refused_with_a_sentence(files: dict[str, str]) -> None:
    assert "is not a port or a range of ports" in run(True, reserved_ports="many", **files)["msg"]
    assert "limits: unknown limit nproc" in run(True, limits={"nproc": 1}, **files)["msg"]
