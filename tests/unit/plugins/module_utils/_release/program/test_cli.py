# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program as a host runs it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release import service
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.progress import status
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.store import Store

from .conftest import start


def test_it_copies_what_is_requested_and_is_quiet(program: list[str], tmp_path: Path, source: Path) -> None:
    process = start(program, tmp_path / "store", source, "r")
    assert (process.communicate()[0], process.returncode) == ("", 0)
    store = Store(str(tmp_path / "store"))
    said = status(store, 0, "r")
    assert (said["state"], store.digests()) == ("done", [said["digest"]])


def test_an_error_of_the_system_is_a_sentence(program: list[str], tmp_path: Path, source: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "request").write_text(json.dumps({"store": f"{tmp_path}/file/store", "source": str(source)}))
    done = subprocess.run([*program, tmp_path / "request"], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert service.last_message(done.stdout).endswith(": Not a directory, while the copy was started")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"store": "/x"}', '{"store": "/x", "source": "/y", "speed": 1}'])
def test_something_else_is_not_a_request(program: list[str], tmp_path: Path, text: str) -> None:
    (tmp_path / "request").write_text(text)
    done = subprocess.run([*program, tmp_path / "request"], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert service.last_message(done.stdout).startswith(f"{tmp_path}/request is not a request for a copy")


def test_progress_is_reported_while_it_runs(program: list[str], quick: Path) -> None:
    source, store = quick / "source", Store(str(quick / "store"))
    source.mkdir()
    for number in range(4):
        with open(source / f"{number}.bin", "wb") as handle:
            handle.truncate(3 << 30)
    process = start(program, quick / "store", source, "r")
    try:
        seen: list[int] = []
        deadline = time.monotonic() + 20
        while len(set(seen)) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
            said = status(store, 0, "r")
            seen.append(said.get("bytes_done", 0))
        assert said["state"] == "running"
        assert said["bytes_total"] == 4 * (3 << 30)
        assert said["rate"] > 0
        assert said["eta"] >= 0
    finally:
        process.kill()
        process.communicate()
    assert status(store, 9, "r")["state"] == "killed"
