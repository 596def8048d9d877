# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time, and what does not count as one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._deploy import lock

ALICE = {
    "run": "ctl1/1/10",
    "who": "alice",
    "controller": "ctl1",
    "process": "process 1",
    "playbook": "deploy.yml",
    "template": "",
}
BOB = {**ALICE, "run": "ctl2/2/20", "who": "bob", "controller": "ctl2"}


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where the lock is."""
    return str(tmp_path / "lock")


def test_a_second_run_is_refused_until_the_first_releases(path: str) -> None:
    assert lock.take(ALICE, 60, path=path) is None
    assert os.stat(path).st_mode & 0o777 == 0o600
    with pytest.raises(lock.Held, match=r"alice has run deploy\.yml here since \d{4}-.* UTC, from ctl1 \(process 1\)"):
        lock.take(BOB, 60, path=path)
    with pytest.raises(lock.Held):
        lock.check(BOB, 60, path=path)
    assert not lock.release(BOB["run"], path)
    assert lock.release(ALICE["run"], path)
    assert not os.path.exists(path)
    assert lock.take(BOB, 60, path=path) is None


def test_the_same_run_takes_it_again(path: str) -> None:
    lock.take(ALICE, 60, path=path)
    found = lock.take(ALICE, 60, path=path)
    assert found is not None
    assert found["run"] == ALICE["run"]


def test_what_does_not_count(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lock.take(ALICE, 60, path=path)
    lock.check(BOB, 60, ended=ALICE["run"], path=path)
    lock.check(BOB, -1, path=path)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    lock.check(BOB, 60, path=path)


def test_awx_runs_a_template_once(path: str) -> None:
    lock.take({**ALICE, "template": "7"}, 60, path=path)
    with pytest.raises(lock.Held):
        lock.check({**BOB, "template": "8"}, 60, path=path)
    lock.check({**BOB, "template": "7"}, 60, path=path)


@pytest.mark.parametrize("text", ["", "{", '{"run": "x"}', "[]", "\x00"])
def test_what_a_full_disk_left_is_no_lock(path: str, text: str) -> None:
    Path(path).write_text(text)
    assert lock.holder(path) is None
    assert lock.take(BOB, 60, path=path) is None
    assert lock.holder(path)


def test_a_link_in_its_place_is_not_followed(tmp_path: Path, path: str) -> None:
    (tmp_path / "precious").write_text("precious")
    os.symlink(tmp_path / "precious", path)
    with pytest.raises(OSError, match="symbolic links"):
        lock.take(BOB, 60, path=path)
    assert (tmp_path / "precious").read_text() == "precious"


def test_two_runs_that_come_together_take_turns(path: str) -> None:
    refused = 0
    children = []
    for number in range(8):
        child = os.fork()
        if not child:
            try:
                lock.take({**ALICE, "run": f"ctl/{number}/1"}, 60, path=path)
            except lock.Held:
                os._exit(1)
            os._exit(0)
        children.append(child)
    for child in children:
        refused += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert refused == 7
