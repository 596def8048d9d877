# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, old releases, and who uses them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release.program import inuse, prune
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Busy, Refused
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.store import Store, write_atomically

from .conftest import bring, make_model


@pytest.fixture
def digests(store: Store, quick: Path) -> list[str]:
    """Five releases, the oldest first."""
    found = []
    for number in range(5):
        found.append(bring(store, make_model(quick / f"source{number}", shards=1, size=10, seed=number))["digest"])
        os.utime(store.meta(found[-1], "manifest.json"), (1000 + number, 1000 + number))
    return found


def test_a_switch_moves_the_link_and_remembers(store: Store, digests: list[str]) -> None:
    assert store.switch(digests[0])
    assert (store.linked("current"), store.linked("previous")) == (digests[0], "")
    assert store.switch(digests[1])
    assert not store.switch(digests[1])
    assert (store.linked("current"), store.linked("previous")) == (digests[1], digests[0])
    assert os.readlink(f"{store.root}/current") == f"releases/{digests[1]}"
    with pytest.raises(Refused, match="has no release 0000"):
        store.switch("0" * 64)


def go_back(store: Store) -> str:
    """Go back, as a run with release: previous does; return the release that is the current one then."""
    if store.served()[:1] == [store.linked("current")]:
        store.switch(store.before_newest())
    return store.linked("current")


def test_going_back_is_the_same_however_often(store: Store, digests: list[str]) -> None:
    for digest in digests[-2:]:
        store.switch(digest, newest=True)
    assert [go_back(store) for _run in range(3)] == [digests[-2]] * 3


def test_going_back_works_again_after_a_newer_release(store: Store, digests: list[str], tmp_path: Path) -> None:
    for digest in digests[-2:]:
        store.switch(digest, newest=True)
    assert go_back(store) == digests[-2]
    newer = bring(store, make_model(tmp_path / "newer", shards=1, size=10, seed=9))["digest"]
    # It is copied, and hosts that have not switched to it have nothing to go back from.
    assert go_back(store) == digests[-2]
    store.switch(newer, newest=True)
    assert [go_back(store) for _run in range(3)] == [digests[-2]] * 3


def test_a_source_that_has_an_old_release_again_makes_it_the_newest(store: Store, digests: list[str]) -> None:
    for digest in (digests[3], digests[4], digests[3]):
        store.switch(digest, newest=True)
    assert store.newest_first()[:2] == [digests[3], digests[4]]
    assert [go_back(store) for _run in range(3)] == [digests[4]] * 3


def test_a_detour_by_digests_does_not_change_the_way_back(store: Store, digests: list[str]) -> None:
    for digest in digests[:3]:
        store.switch(digest, newest=True)
    store.switch(digests[0])
    store.switch(digests[2], newest=True)
    assert [go_back(store) for _run in range(2)] == [digests[1]] * 2


def test_a_release_that_never_served_is_nothing_to_go_back_from(
    store: Store, digests: list[str], tmp_path: Path
) -> None:
    for digest in digests[:2]:
        store.switch(digest, newest=True)
    unused = bring(store, make_model(tmp_path / "unused", shards=1, size=10, seed=9))["digest"]
    assert store.newest_first()[0] == unused
    assert go_back(store) == digests[0]


def test_without_a_history_the_links_are_the_way_back(store: Store, digests: list[str]) -> None:
    for digest in digests[:2]:
        store.switch(digest, newest=True)
    os.unlink(store.history)
    assert (store.served(), store.before_newest()) == ([digests[1]], digests[0])


def test_a_release_that_was_chosen_by_its_digest_stays(store: Store, digests: list[str]) -> None:
    store.switch(digests[4], newest=True)
    store.switch(digests[1])
    assert go_back(store) == digests[1]


def test_without_a_release_before_there_is_none_to_go_back_to(store: Store, digests: list[str]) -> None:
    assert store.before_newest() == ""
    store.switch(digests[4], newest=True)
    assert store.before_newest() == ""


def test_the_order_does_not_depend_on_the_clock_and_survives_a_lost_history(store: Store, digests: list[str]) -> None:
    assert store.newest_first() == digests[::-1]
    os.utime(store.meta(digests[0], "manifest.json"), (5000, 5000))
    assert store.newest_first() == digests[::-1]
    os.unlink(store.history)
    assert store.newest_first() == [digests[0], *digests[:0:-1]]
    store.switch(digests[2], newest=True)
    assert store.newest_first() == [digests[2], digests[0], digests[4], digests[3], digests[1]]


def test_pruning_keeps_the_newest_and_the_linked(store: Store, digests: list[str]) -> None:
    store.switch(digests[1])
    store.switch(digests[0])
    assert prune.prune(store, 3, check=True) == [digests[3], digests[2]]
    assert store.digests() == sorted(digests)
    assert prune.prune(store, 3) == [digests[3], digests[2]]
    assert store.digests() == sorted([digests[0], digests[1], digests[4]])
    assert prune.prune(store, 3) == []
    assert prune.prune(store, 1) == [digests[4]]
    assert os.listdir(store.trash) == []


def test_a_release_that_a_process_uses_stays(store: Store, digests: list[str]) -> None:
    store.switch(digests[4])
    script = "import mmap, os, sys, time\n{}\nprint(flush=True)\ntime.sleep(60)"
    # Assembled by the process itself, so that its arguments do not tell.
    hidden = [f"'{store.releases}/' + '{digest[:9]}' + '{digest[9:]}'" for digest in digests]
    uses = [
        ["pass", store.release(digests[0])],
        [
            f"m = mmap.mmap(os.open({hidden[1]} + '/config.json', os.O_RDONLY), 0, prot=mmap.PROT_READ)\n"
            "os.closerange(3, 99)"
        ],
        [f"os.chdir({hidden[2]})"],
    ]
    processes = [
        subprocess.Popen([sys.executable, "-c", script.format(code), *more], cwd="/", stdout=subprocess.PIPE)
        for code, *more in uses
    ]
    try:
        for process in processes:
            assert process.stdout
            process.stdout.readline()
        used = inuse.users(digests, [])
        assert [
            f"process {process.pid}" in used[digest] for process, digest in zip(processes, digests, strict=False)
        ] == [True] * 3
        assert digests[3] not in used
        assert prune.prune(store, 1) == [digests[3]]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert set(prune.prune(store, 1)) == set(digests[:3])


def test_a_release_that_a_unit_names_stays(store: Store, digests: list[str], tmp_path: Path) -> None:
    unit = tmp_path / "sglang-llama-0.service"
    unit.write_text(f"ExecStart=sglang --model-path {store.release(digests[0])}\n")
    store.switch(digests[4])
    assert digests[0] not in prune.prune(store, 1, [f"{tmp_path}/sglang-*.service"])
    assert store.digests() == sorted([digests[0], digests[4]])
    assert inuse.users(digests, [f"{tmp_path}/sglang-*.service"])[digests[0]] == [str(unit)]


def test_who_comes_while_it_is_removed_gets_it_back(
    store: Store, digests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.switch(digests[4])
    answers = iter([{}, {digests[3]: ["process 1"]}, {}, {}, {}])
    monkeypatch.setattr(prune, "users", lambda *_words: next(answers))
    assert digests[3] not in prune.prune(store, 1)
    assert store.digests() == sorted([digests[3], digests[4]])


def test_a_second_copy_is_refused_and_a_switch_is_not(store: Store, digests: list[str], tmp_path: Path) -> None:
    source = make_model(tmp_path / "more", seed=9)
    with store.copying(), pytest.raises(Busy, match=f"process {os.getpid()} works on a copy"):
        bring(store, source)
    with store.copying():
        assert store.switch(digests[2])
    assert bring(store, source)["changed"]


def test_a_lock_waits_for_a_moment(store: Store) -> None:
    store.prepare()
    begin = time.monotonic()
    with store.switching(), pytest.raises(Busy, match="the releases of"), store.switching(wait=0.2):
        pass
    assert 0.2 <= time.monotonic() - begin < 5


def test_a_store_without_anything(store: Store) -> None:
    assert store.newest_first() == []
    assert store.linked("current") == ""
    store.prepare()
    assert prune.prune(store, 1) == []


def test_a_place_that_others_can_change_is_refused(tmp_path: Path, source: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    scratch.chmod(0o777)
    with pytest.raises(Refused, match=r"scratch can be changed by others than root .* mode 777.*sudo chown root"):
        bring(Store(str(scratch / "m")), source)
    scratch.chmod(0o1777)
    store = Store(str(scratch / "m"))
    assert bring(store, source)["changed"]
    assert (os.stat(store.state).st_mode & 0o777, os.stat(store.copy_lock).st_mode & 0o777) == (0o700, 0o600)
    Path(store.releases).chmod(0o775)
    with pytest.raises(Refused, match="releases can be changed by others"):
        bring(store, source)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
def test_a_store_that_another_user_made_is_refused(tmp_path: Path, source: Path) -> None:
    store = Store(str(tmp_path / "m"))
    os.makedirs(store.state)
    os.chown(store.state, 65534, 65534)
    with pytest.raises(Refused, match=r"\.state can be changed by others than root \(user 65534"):
        bring(store, source)


def test_a_file_is_not_written_through_what_somebody_put_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "status.json.new").symlink_to("precious")
    write_atomically(str(tmp_path / "status.json"), b"{}")
    assert ((tmp_path / "precious").read_text(), (tmp_path / "status.json").read_text()) == ("precious", "{}")
