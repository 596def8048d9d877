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
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.store import Store
from ansible_collections.multinode.sglang.plugins.plugin_utils._release import program

from .conftest import bring, make_model, run


def test_from_nothing_to_a_rollback(program: list[str], tmp_path: Path) -> None:
    store, sources = tmp_path / "store", [make_model(tmp_path / f"source{number}", seed=number) for number in range(2)]
    first, second = (
        run(program, "sync", store, "--source", source, "--reserve", "1")[1]["digest"] for source in sources
    )
    assert run(program, "flip", store, first, "--check", "yes") == (0, {"changed": True, "before": "", "after": first})
    assert run(program, "flip", store, first) == (0, {"changed": True, "before": "", "after": first})
    assert run(program, "flip", store, second)[1]["before"] == first
    assert run(program, "flip", store, second)[1]["changed"] is False
    assert run(program, "verify", store)[1]["digest"] == second
    assert run(program, "rollback", store) == (0, {"changed": True, "before": second, "after": first})
    entries = run(program, "list", store)[1]["releases"]
    assert {entry["digest"]: (entry["current"], entry["previous"]) for entry in entries} == {
        first: (True, False),
        second: (False, True),
    }
    assert run(program, "prune", store, "--keep", "1")[1] == {"changed": False, "removed": []}


def test_a_release_that_is_damaged_is_not_flipped_to(program: list[str], tmp_path: Path, source: Path) -> None:
    store = Store(str(tmp_path / "store"))
    digest = bring(store, source)["digest"]
    Path(store.release(digest), "config.json").unlink()
    status, said = run(program, "flip", store.root, digest)
    assert (status, said["failed"]) == (1, True)
    assert "config.json (missing); run sync again" in said["msg"]
    assert store.linked("current") == ""
    status, said = run(program, "verify", store.root, digest)
    assert (status, said["problems"]) == (1, {"config.json": "missing"})


def test_an_error_of_the_system_is_a_sentence(program: list[str], tmp_path: Path, source: Path) -> None:
    (tmp_path / "file").touch()
    status, said = run(program, "sync", tmp_path / "file" / "store", "--source", source)
    assert (status, said["failed"]) == (1, True)
    assert said["msg"].endswith(": Not a directory, while sync was at work")


@pytest.mark.parametrize("words", [["rollback", "/nowhere"], ["verify", "/nowhere"]])
def test_a_store_without_releases(program: list[str], words: list[str]) -> None:
    status, said = run(program, *words)
    assert status == 1
    assert "/nowhere" in said["msg"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name a command"),
        (["copy", "/x"], "name a command"),
        (["sync"], "name one store"),
        (["sync", "/x"], "needs --source"),
        (["sync", "/x", "--source"], "--source needs a value"),
        (["sync", "/x", "--keep", "3"], "sync has no option --keep"),
        (["sync", "/x", "--source", "/y", "--threads", "many"], "--threads is a number"),
        (["verify", "/x", "--full", "true"], "--full is yes or no"),
        (["flip", "/x", "abc"], "abc is no digest"),
        (["prune", "/x"], "needs --keep"),
        (["prune", "/x", "--keep", "0"], "needs --keep"),
    ],
)
def test_wrong_words(program: list[str], words: list[str], message: str) -> None:
    done = subprocess.run([*program, *words], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert message in done.stderr
    assert "usage: release" in done.stderr


def test_progress_is_told_while_it_runs(program: list[str], quick: Path) -> None:
    source, status = quick / "source", quick / "store/.state/status.json"
    source.mkdir()
    for number in range(4):
        with open(source / f"{number}.bin", "wb") as handle:
            handle.truncate(3 << 30)
    options = ["--run", "r", "--reserve", "1", "--threads", "2"]
    process = subprocess.Popen([*program, "sync", str(quick / "store"), "--source", str(source), *options])
    try:
        seen: list[int] = []
        deadline = time.monotonic() + 20
        while len(set(seen)) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
            if status.exists():
                said = json.loads(status.read_text())
                seen.append(said["bytes_done"])
        assert said["state"] == "running"
        assert said["bytes_total"] == 4 * (3 << 30)
        assert said["rate"] > 0
        assert said["eta"] >= 0
        assert run(program, "status", quick / "store", "--run", "r")[1]["state"] == "running"
    finally:
        process.kill()
        process.wait()
    assert run(program, "status", quick / "store", "--run", "r", "--wait", "9")[1]["state"] == "killed"


def test_the_digest_of_the_program_follows_its_text() -> None:
    files = program.files()
    assert program.digest(files) == program.digest(dict(reversed(list(files.items()))))
    assert program.digest({**files, "_release/copy.py": ""}) != program.digest(files)
