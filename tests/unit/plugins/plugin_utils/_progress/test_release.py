# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines about copies that run, and the end of the wait."""

from __future__ import annotations

from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._progress.release import BLOCK, Follow, Others


def running(**changes: Any) -> dict[str, Any]:
    """Return the status of a copy on its way."""
    base = {
        "state": "running",
        "bytes_total": 800 * 10**9,
        "bytes_done": 200 * 10**9,
        "rate": 10**9,
        "eta": 600,
        "silent": 0.5,
    }
    return {**base, **changes}


def done(**changes: Any) -> dict[str, Any]:
    """Return the status of a copy that is over."""
    counts = {"bytes_total": 10**9, "bytes_kept": 0, "source_bytes": 0, "received_bytes": 10**9}
    return {"state": "done", "changed": True, "digest": "d", "seconds": 2.0, **counts, **changes}


def follow(*names: str) -> Follow:
    """Return the wait of a host."""
    return Follow("node1", list(names or ("llama",)), silence=600, progress=15)


def test_a_line_at_a_steady_pace() -> None:
    wait = follow()
    shown = [wait.take({"llama": running()}, elapsed) for elapsed in range(0, 60, 5)]
    assert [bool(lines) for lines in shown] == [elapsed in {15, 30, 45} for elapsed in range(0, 60, 5)]
    assert shown[3] == ["node1: llama: 25 % of 800.00 GB, 1.00 GB/s, 10 min left"]


def test_a_line_without_figures_yet() -> None:
    wait = follow()
    assert wait.take({"llama": {"state": "starting"}}, 15) == [
        "node1: llama: comparing the source, or waiting for the hosts before this one"
    ]
    assert wait.take({"llama": running(eta=None, rate=0, silent=45)}, 30) == [
        "node1: llama: 25 % of 800.00 GB, 0.0 MB/s, no report for 45 s"
    ]


def test_the_last_line_says_where_the_bytes_came_from() -> None:
    wait = follow()
    lines = wait.take({"llama": done(bytes_kept=5 * 10**8, received_bytes=5 * 10**8)}, 1)
    assert lines == [
        "node1: llama: 1.00 GB in 2 s, 0.25 GB/s: 0.0 MB from the source, 0.50 GB from other hosts, "
        "0.50 GB kept from before"
    ]
    assert wait.verdict() == ""


def test_a_host_that_only_gives_says_so() -> None:
    assert follow().take({"llama": done(changed=False)}, 1) == [
        "node1: llama: was on this host already, and was served to other hosts"
    ]


def test_it_ends_when_all_have_ended_and_asks_only_about_the_others() -> None:
    wait = follow("llama", "qwen")
    wait.take({"llama": done(), "qwen": running()}, 1)
    assert wait.verdict() is None
    assert wait.pending() == ["qwen"]
    wait.take({"qwen": done()}, 2)
    assert wait.verdict() == ""


def test_a_failure_ends_it_with_its_sentence() -> None:
    wait = follow("llama", "qwen")
    wait.take({"llama": {"state": "failed", "msg": "no space"}, "qwen": running()}, 1)
    assert wait.verdict() == "llama: no space"
    wait = follow()
    wait.take({"llama": running(state="killed")}, 1)
    assert wait.verdict() == "llama: the copy was killed; run again: what was copied is kept"


def test_a_copy_that_waits_for_a_dead_server_is_given_up() -> None:
    wait = follow()
    wait.take({"llama": running(silent=599.0)}, 1)
    assert wait.verdict() is None
    wait.take({"llama": running(silent=601.0)}, 2)
    assert str(wait.verdict()).startswith(
        "llama: the copy has reported nothing for 10 min; its file server does not answer."
    )


def test_a_copy_that_never_begins_is_given_up() -> None:
    wait = follow()
    wait.take({"llama": {"state": "starting"}}, 1)
    wait.take({"llama": {"state": "starting"}}, 600)
    assert wait.verdict() is None
    wait.take({"llama": {"state": "starting"}}, 602)
    assert str(wait.verdict()).startswith("llama: the copy has reported nothing for 10 min")


def test_what_was_wrong_with_others_is_told() -> None:
    wait = follow()
    wait.take({"llama": done(blamed={"10.0.0.2": "slow"})}, 1)
    assert wait.blamed() == ["node1: llama: 10.0.0.2 slow"]


ADDRESSES = {f"node{number}": f"10.0.0.{number}:21500" for number in range(2, 30)}


def test_hosts_that_have_no_worker_are_told_of_by_one_that_has() -> None:
    others, total = Others(ADDRESSES), 1000 * BLOCK
    first = running(bytes_total=total, others={"10.0.0.2:21500": 100, "10.0.0.3:21500": 0})
    assert len(others.lines("llama", first, ["node2", "node3", "node4"], 15)) == 2
    second = running(bytes_total=total, others={"10.0.0.2:21500": 200, "10.0.0.3:21500": 1200})
    size, rate = f"{total / 1e9:.2f} GB", f"{100 * BLOCK / 10 / 1e6:.1f} MB/s"
    assert (
        others.lines("llama", second, ["node2", "node3", "node4"], 25)[0]
        == f"node2: llama: 20 % of {size}, {rate}, 80 s left"
    )
    assert others.lines("llama", second, ["node3"], 35)[0].startswith(f"node3: llama: 100 % of {size}")


def test_many_of_them_are_one_line_that_names_the_slowest() -> None:
    found = {address: 900 - number for number, address in enumerate(ADDRESSES.values())}
    status = running(bytes_total=1000 * BLOCK, others=found)
    assert Others(ADDRESSES).lines("llama", status, list(ADDRESSES), 15) == [
        "28 more hosts: llama: 87 % (node29) to 90 %"
    ]
    assert Others(ADDRESSES).lines("llama", running(others={}), list(ADDRESSES), 15) == []
