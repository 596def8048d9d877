# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever kills a run, a host has the old release or the new one, complete, and the next run goes on."""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release.program import prune
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.progress import status
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.store import Store
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.verify import verify

from .conftest import BLOCK, bring, make_model, start

KILLS = 60
# Everything that changes something on a disk.
CHANGING = (
    "pwritev", "write", "fsync", "ftruncate", "replace", "rename", "symlink", "unlink", "mkdir", "rmdir", "fchmod",
    "chmod", "open",
)  # fmt: skip


def check(store: Store, allowed: set[str]) -> None:
    """Assert that every release is complete, and that the links lead to releases."""
    for digest in store.digests():
        report = verify(store, digest, full=True)
        assert report.ok, report.sentence(digest)
        assert digest in allowed
    for link in ("current", "previous"):
        assert store.linked(link) in {"", *store.digests()}


def bring_and_switch(store: Store, source: Path, threads: int = 1) -> str:
    """Do what two phases do on a single host, remove what is old, and return the digest."""
    digest = str(bring(store, source, threads=threads)["digest"])
    store.switch(digest, newest=True)
    prune.prune(store, 2)
    return digest


def killed_at(number: int, action: Callable[[], object]) -> bool:
    """Run something in a process that is killed just before its n-th change on disk; tell whether it came to that."""
    child = os.fork()
    if child == 0:
        left = number

        def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*words: Any, **more: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*words, **more)

            return call

        for name in CHANGING:
            setattr(os, name, wrap(getattr(os, name)))
        try:
            action()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the look at all processes, which takes longer than all the rest."""
    monkeypatch.setattr(prune, "users", lambda *_words: {})


@pytest.mark.usefixtures("nobody")
def test_killed_before_each_change_on_disk(quick: Path) -> None:
    old, new = (
        make_model(quick / "old", shards=2, size=BLOCK),
        make_model(quick / "new", shards=2, size=2 * BLOCK, seed=1),
    )
    names = {kind: bring(Store(str(quick / kind / "s")), source)["digest"] for kind, source in (("x", old), ("y", new))}
    # The releases above, in stores of their own, say what is right.
    wanted = {names["x"], names["y"]}
    for number in range(1, 10_000):
        store = Store(str(quick / f"store{number}"))
        bring_and_switch(store, old)
        killed = killed_at(number, lambda store=store: bring_and_switch(store, new))  # type: ignore[misc]
        check(store, wanted)
        assert store.linked("current") in wanted
        # Wherever it was killed, the way back does not lead to the new release.
        assert store.before_newest() in {"", names["x"]}
        assert bring_and_switch(store, new) == names["y"]
        assert store.before_newest() == names["x"]
        check(store, wanted)
        assert (store.linked("current"), store.linked("previous")) == (names["y"], names["x"])
        assert not killed or os.listdir(store.trash) == []
        if not killed:
            assert number > 60
            return
    pytest.fail("it never came to its end")


def killed_after(seconds: float, action: Callable[[], object]) -> bool:
    """Run something in a process that is killed after a time; tell whether that came before its end."""
    ready, started = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(started, b"!")
        try:
            action()
        finally:
            os._exit(0)
    os.read(ready, 1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.close(ready)
    os.close(started)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.usefixtures("nobody")
def test_killed_at_random_moments(quick: Path) -> None:
    store, chance = Store(str(quick / "store")), random.Random(7)  # noqa: S311
    sources = [make_model(quick / f"source{number}", shards=4, size=12 * BLOCK, seed=number) for number in range(3)]
    digests = [bring_and_switch(store, source, 8) for source in sources]
    killed, turn, length = 0, 0, 0.05
    while killed < KILLS:
        turn += 1
        assert turn < 10 * KILLS
        source = sources[turn % 3]
        # Two of three runs find a release that has gone, or changed times; the third goes on where the last was killed.
        if turn % 3:
            os.utime(source / "model-00001-of-00004.safetensors", (turn, turn))
        run = functools.partial(bring_and_switch, store, source, 8)
        hit = killed_after(chance.uniform(0, length), run)
        killed += hit
        # Runs differ with what else the machine does: aim so that about four of five are killed.
        length *= 1.04 if hit else 0.85
        check(store, set(digests))
        assert store.linked("current") in digests
        if chance.random() < 0.5:
            assert bring_and_switch(store, source, 8) == digests[turn % 3]
            check(store, set(digests))
            assert store.linked("current") == digests[turn % 3]


def test_the_disk_fills_up(tmp_path: Path, program: list[str]) -> None:
    """In a mount namespace of its own, where the space that statvfs tells is a lie."""
    mount, source = tmp_path / "small", tmp_path / "source"
    mount.mkdir()
    make_model(source, shards=3, size=(2 << 20))
    if subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", mount], check=False, capture_output=True
    ).returncode:
        pytest.skip("no filesystem can be mounted here")
    code = f"""
import json, os, subprocess, sys
sys.path.insert(0, {os.path.dirname(program[-1])!r})
from multinode_sglang._release.program.errors import Refused
from multinode_sglang._release.program.request import Request
from multinode_sglang._release.program.store import Store
from multinode_sglang._release.program.sync import sync
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", {str(mount)!r}], check=True)
store, honest, said = Store({str(mount / "store")!r}), os.statvfs, []
def bring():
    try:
        said.append(sync(store, Request({str(source)!r}, block=65536, reserve=0)))
    except Refused as refusal:
        said.append(str(refusal))
        assert json.load(open(store.status))["msg"] == str(refusal)
bring()
os.statvfs = lambda path: os.statvfs_result([4096, 4096, 1 << 30, 1 << 30, 1 << 30, 1 << 30, 1 << 30, 1 << 30, 0, 255])
bring()
said.append(store.digests())
os.statvfs = honest
subprocess.run(["mount", "-o", "remount,size=16m", {str(mount)!r}], check=True)
bring()
release = store.release(store.digests()[0])
print(json.dumps([*said, subprocess.run(["diff", "-r", "-x", ".release", {str(source)!r}, release]).returncode]))
"""
    done = subprocess.run(["unshare", "-m", sys.executable, "-c", code], check=True, capture_output=True, text=True)
    first, second, digests, last, differs = json.loads(done.stdout)
    assert "4.2 MB are free (expected 6.3 MB)" in first
    assert "No space left on device" in second
    assert "what was copied is kept" in second
    assert digests == []
    assert last["bytes_kept"] > 3 << 20
    assert last["bytes_kept"] + last["source_bytes"] == last["bytes_total"]
    assert differs == 0


def test_two_runs_at_once(quick: Path, program: list[str]) -> None:
    source = make_model(quick / "source", shards=4, size=4 << 20)
    processes = [start(program, quick / "store", source, f"run{number}") for number in range(4)]
    results = [(process.communicate()[0], process.returncode) for process in processes]
    store = Store(str(quick / "store"))
    assert {code for _said, code in results} <= {0, 1}
    assert all("works on a copy" in said for said, code in results if code == 1)
    assert sum(code == 0 for _said, code in results) >= 1
    assert len(store.digests()) == 1
    check(store, set(store.digests()))


def test_a_status_tells_a_kill_from_an_end(quick: Path) -> None:
    source, store = make_model(quick / "source"), Store(str(quick / "store"))
    os.mkfifo(source / "x")
    assert status(store, 0, "") == {"state": "unknown"}
    with pytest.raises(Refused, match="neither a file"):
        bring(store, source, run="one")
    assert (status(store, 0, "one")["state"], status(store, 0, "")["state"]) == ("failed", "failed")
    assert "neither a file" in status(store, 0, "")["msg"]
    (source / "x").unlink()
    Path(store.status).write_text(json.dumps({"run": "two", "state": "running"}))
    assert status(store, 5, "two")["state"] == "killed"
    assert bring(store, source, run="three")["state"] == "done"
    assert status(store, 0, "two") == {"run": "two", "state": "unknown"}
    assert bring(store, source, run="four")["changed"] is False
    assert status(store, 0, "four")["changed"] is False


def test_a_way_back_that_is_killed_is_finished_by_the_next_one(quick: Path) -> None:
    old, new = (make_model(quick / name, shards=1, size=10, seed=number) for number, name in enumerate(("a", "b")))
    for number in range(1, 100):
        store = Store(str(quick / f"back{number}"))
        first, second = bring_and_switch(store, old), bring_and_switch(store, new)
        killed = killed_at(number, lambda store=store: store.switch(store.before_newest()))  # type: ignore[misc]
        assert store.before_newest() == first
        assert store.linked("current") in {first, second}
        store.switch(store.before_newest())
        assert store.linked("current") == first
        if not killed:
            assert number > 3
            return
    pytest.fail("it never ended")
