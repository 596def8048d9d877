# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided for all hosts: who gets from whom, and that nobody switches alone."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._release import agree
from ansible_collections.multinode.sglang.plugins.plugin_utils._release.agree import Disagreement

OLD, NEW = "0" * 64, "1" * 64


def entry(digest: str = "", current: str = OLD, number: int = 1) -> dict[str, Any]:
    """Return what a look finds."""
    return {"missing": not digest, "digest": digest, "current": current, "address": f"10.0.0.{number}", "port": 21500}


def looks(**hosts: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the looks of hosts at one release."""
    return {"llama": hosts}


def test_nothing_to_do_is_no_run() -> None:
    assert agree.plan(looks(a=entry(OLD), b=entry(OLD)), 5) == {}


def test_the_first_host_reads_and_the_others_follow_in_their_order() -> None:
    found = agree.plan(looks(a=entry(number=1), b=entry(number=2), c=entry(number=3)), 5)["llama"]
    assert found["hosts"] == ["a", "b", "c"]
    assert found["addresses"] == [["10.0.0.1", 21500], ["10.0.0.2", 21500], ["10.0.0.3", 21500]]


def test_hosts_that_have_it_stand_before_those_that_get_it() -> None:
    hosts = {f"old{number}": entry(NEW, NEW) for number in range(9)}
    found = agree.plan(looks(new=entry(), **hosts), 5)["llama"]
    assert found["hosts"] == ["old0", "old1", "old2", "new"]
    assert found["witness"] == 2


@pytest.mark.parametrize(("having", "witness"), [(0, 2), (1, 2), (2, 1), (3, 2)])
def test_a_host_reads_the_source_again_unless_two_have_the_release(having: int, witness: int) -> None:
    hosts = {f"node{number}": entry(NEW, NEW) if number < having else entry() for number in range(max(3, having + 1))}
    assert agree.plan(looks(**hosts), 5)["llama"]["witness"] == witness


def test_a_run_that_was_cut_before_the_switch_is_finished_without_a_copy() -> None:
    found = agree.plan(looks(a=entry(NEW, OLD), b=entry(NEW, NEW)), 5)
    assert found["llama"]["hosts"] == []


def test_few_forks_give_the_hosts_time_to_be_started() -> None:
    hosts = {f"node{number}": entry() for number in range(100)}
    slow, fast = (agree.plan(looks(**hosts), forks)["llama"] for forks in (5, 100))
    assert slow["grace"] == slow["linger"] == fast["grace"] + 19 * 5


def test_different_releases_are_never_taken_for_one() -> None:
    for current in (OLD, NEW):
        with pytest.raises(
            Disagreement, match=rf"llama: b would go to {NEW} \(expected {OLD}, as a\); no host was switched"
        ):
            agree.plan(looks(a=entry(OLD, OLD), b=entry(NEW, current)), 5)


def test_a_host_that_is_lost_keeps_all_others() -> None:
    good: dict[str, Any] = {"releases": {"llama": entry(OLD)}}
    for lost in (None, {"failed": True, "msg": "no"}, {"unreachable": True}):
        with pytest.raises(Disagreement, match="b failed before, see above; no host was switched"):
            agree.collect(["a", "b"], {"a": good, "b": lost})
    assert agree.collect(["a", "b"], {"a": good, "b": {"releases": {}}}) == {"llama": {"a": entry(OLD)}}


def test_all_have_the_same_or_nobody_switches() -> None:
    seen = looks(a=entry(), b=entry(NEW, NEW), c=entry())
    copies = {"llama": {"a": {"digest": NEW}, "c": {"digest": NEW}}}
    assert agree.agreed(seen, copies) == {"llama": NEW}
    with pytest.raises(Disagreement, match=rf"llama: c would go to {OLD} \(expected {NEW}, as a\)"):
        agree.agreed(seen, {"llama": {"a": {"digest": NEW}, "c": {"digest": OLD}}})
    with pytest.raises(Disagreement, match="llama: c did not get the release; no host was switched"):
        agree.agreed(seen, {"llama": {"a": {"digest": NEW}}})


def test_the_summary_counts_what_the_source_has_given() -> None:
    head = {"changed": True, "bytes_total": 2 * 10**9, "bytes_kept": 0, "source_bytes": 2 * 10**9, "seconds": 4.0}
    tail = {**head, "source_bytes": 10**8}
    text = agree.summary("llama", NEW, {"a": head, "b": tail})
    assert "on 2 more hosts after 4 s: 2.00 GB each, 2.10 GB read from the source (1.05 of its size), 1.00 GB/s" in text
    assert agree.summary("llama", NEW, {"a": {"changed": False}}).endswith(f"all hosts have the release {NEW} already")


def going_back(current: str, digest: str, *releases: str) -> dict[str, Any]:
    """Return what an inspection finds on a host that shall go back."""
    known = {"back": True, "releases": list(releases), "served": list(releases), "store": "/s"}
    return {**entry(digest, current), **known, "trouble": "" if digest else "no release before"}


def test_a_host_that_lacks_the_newest_release_stays_where_the_others_go() -> None:
    found = agree.settle(looks(a=going_back("C", "B", "C", "B", "A"), b=going_back("B", "A", "B", "A")))["llama"]
    assert {host: one["digest"] for host, one in found.items()} == {"a": "B", "b": "B"}
    assert found["b"]["path"] == "/s/releases/B"
    assert agree.settle(looks(a=entry(OLD))) == looks(a=entry(OLD))


def test_a_host_that_is_where_the_others_go_needs_no_release_before() -> None:
    found = agree.settle(looks(a=going_back("B", "A", "B", "A"), b=going_back("A", "", "A")))["llama"]
    assert {host: one["digest"] for host, one in found.items()} == {"a": "A", "b": "A"}
    with pytest.raises(Disagreement, match="llama: b: no release before; no host was switched"):
        agree.settle(looks(a=going_back("B", "A", "B", "A"), b=going_back("B", "", "B")))


def test_hosts_that_do_not_agree_on_the_newest_are_left_to_a_refusal() -> None:
    found = agree.settle(looks(a=going_back("A", "B", "A", "B"), b=going_back("B", "A", "B", "A")))
    with pytest.raises(Disagreement, match="set release of the model to a digest"):
        agree.plan(found, 5)


def test_hosts_that_have_gone_back_already_are_reported_once() -> None:
    hosts = {f"node{number}": going_back("A", "A", "B", "A") for number in range(3)}
    assert agree.staying(looks(**hosts)) == ["llama: stays on A: it has gone back from the newest (B) already"]
    assert agree.staying(looks(a=going_back("B", "A", "B", "A"))) == []
    assert agree.staying(looks(a=entry(OLD))) == []


def test_the_token_is_new_for_each_run_and_for_nobody_else(tmp_path: Path) -> None:
    for run in ("one", "two"):
        agree.make_token(str(tmp_path), run)
    paths = [agree.token_path(str(tmp_path), run) for run in ("one", "two")]
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600, 0o600]
    first, second = (path.read_text() for path in paths)
    assert first != second
    assert len(first) == 64
    with pytest.raises(FileExistsError):
        agree.make_token(str(tmp_path), "one")
