# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher of a server: what it adds to the environment, and what it takes from nobody."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import pytest

Launch = Callable[..., "subprocess.CompletedProcess[str]"]
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def launch(library: pathlib.Path, tmp_path: pathlib.Path) -> Launch:
    """Start a program that prints its environment."""
    (tmp_path / "credentials").mkdir()

    def run(action: str = "run", program: str = sys.executable, **further: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-IB", str(library / "server.py"), action, program, "-c", SHOW]
        environ = {
            "PATH": os.environ["PATH"],
            "RUNTIME_DIRECTORY": str(tmp_path),
            "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
            **further,
        }
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environ, timeout=30)

    return run


def test_it_adds_what_was_found_on_the_host(launch: Launch, tmp_path: pathlib.Path) -> None:
    (tmp_path / "network.env").write_text('GLOO_SOCKET_IFNAME="ib0"\nNCCL_SOCKET_IFNAME="=ib0"\n')
    (tmp_path / "rdma.env").write_text('NCCL_IB_HCA="=mlx5_0:1"\n')
    seen = json.loads(launch().stdout)
    assert (seen["GLOO_SOCKET_IFNAME"], seen["NCCL_SOCKET_IFNAME"], seen["NCCL_IB_HCA"]) == ("ib0", "=ib0", "=mlx5_0:1")
    assert json.loads(launch(NCCL_IB_HCA="mine").stdout)["NCCL_IB_HCA"] == "mine"


def test_it_takes_no_other_variable_from_these_files(launch: Launch, tmp_path: pathlib.Path) -> None:
    (tmp_path / "network.env").write_text('LD_PRELOAD="/tmp/evil.so"\nNCCL_IB_HCA="x"\n')
    (tmp_path / "other").write_text('NCCL_IB_HCA="x"\n')
    (tmp_path / "rdma.env").symlink_to("other")
    assert not {"LD_PRELOAD", "NCCL_IB_HCA"} & {*json.loads(launch().stdout)}


def test_a_pipe_in_their_place_delays_nothing(launch: Launch, tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "network.env")
    assert launch().returncode == 0


def test_secrets_are_in_the_environment_of_the_server(launch: Launch, tmp_path: pathlib.Path) -> None:
    (tmp_path / "credentials/secrets.json").write_text(json.dumps({"HF_TOKEN": "canary"}))
    assert ("HF_TOKEN", "canary") in json.loads(launch("run-with-secrets").stdout).items()
    assert "HF_TOKEN" not in json.loads(launch().stdout)


def test_it_refuses_in_a_sentence(launch: Launch) -> None:
    assert launch("run-with-secrets").stderr.startswith("refused: systemd did not pass the secrets of this unit")
    assert "refused: /nonexistent cannot be started: No such file" in launch(program="/nonexistent").stderr
