# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the workers of a router to the plan, and saying what is wrong with them."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import paths
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Worker
from ansible_collections.multinode.sglang.plugins.module_utils._plan.words import url
from ansible_collections.multinode.sglang.plugins.module_utils._router import workers
from ansible_collections.multinode.sglang.plugins.module_utils._router.api import Listed, RouterError, RunningRouter
from ansible_collections.multinode.sglang.plugins.module_utils._router.workers import (
    Changes,
    Reconciler,
    WatchedRouter,
    answers_here,
    complaint,
    diff,
    plan,
)
from hypothesis import given
from hypothesis import strategies as st

from ...fake_router import FakeRouter
from ...planned import worker


@pytest.fixture(autouse=True)
def quick(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(paths, "CONFIG_DIR", str(tmp_path))


@pytest.fixture(params=[False, True], ids=["0.3.2", "smg"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeRouter]:
    router = FakeRouter(smg=request.param)
    yield router
    router.close()


def yes(_url: str) -> bool:
    """Be healthy."""
    return True


def no(_url: str) -> bool:
    """Be not."""
    return False


def router_of(fake: FakeRouter, *workers: Worker) -> RunningRouter:
    """Return a router with these workers in the plan."""
    return RunningRouter(fake.unit(*workers))


def reconcile(router: RunningRouter, drain: bool = False, seconds: float = 5) -> tuple[Changes, list[str]]:
    """Bring it to the plan."""
    current = router.listed()
    changes = plan(router.workers, current, drain, yes)
    return changes, Reconciler(router, seconds).apply(current, changes)


KINDS = st.sampled_from([("prefill", 8998), ("prefill", 8999), ("decode", 0), ("regular", 0)])
HOSTS = st.integers(0, 4)
URLS = HOSTS.map(lambda number: f"http://10.0.0.{number}:30000")
DESIRED = st.dictionaries(HOSTS, KINDS).map(
    lambda found: {f"http://10.0.0.{number}:30000": worker(number, *kind) for number, kind in found.items()}
)
CURRENT = st.dictionaries(URLS, st.tuples(KINDS, st.booleans(), st.booleans())).map(
    lambda found: {
        url: Listed(url, *kind, healthy, draining, (url,)) for url, (kind, healthy, draining) in found.items()
    }
)


def carried_out(current: dict[str, Listed], changes: Changes) -> dict[str, Listed]:
    """Return what a router lists after the changes."""
    gone = {listed.url for listed in changes.removes}
    after = {url: listed for url, listed in current.items() if url not in gone and not listed.draining}
    new = [Listed(url(one), one.worker_type, one.bootstrap_port, True, False, ("new",)) for one in joining(changes)]
    return {**after, **{listed.url: listed for listed in new}}


def joining(changes: Changes) -> list[Worker]:
    """Return the workers that are registered."""
    return [*changes.adds, *changes.replaces, *changes.renews]


@given(DESIRED, CURRENT)
def test_the_changes_lead_to_the_plan_and_then_there_are_none(
    desired: dict[str, Worker], current: dict[str, Listed]
) -> None:
    after = carried_out(current, plan(desired, current, drain=False, answers=yes))
    assert complaint(desired, after) == ""
    assert set(after) == set(desired)
    assert not plan(desired, after, drain=False, answers=yes)


@given(DESIRED, CURRENT)
def test_no_complaint_means_no_change(desired: dict[str, Worker], current: dict[str, Listed]) -> None:
    assert bool(complaint(desired, current)) == bool(plan(desired, current, drain=False, answers=yes))


@given(DESIRED, CURRENT)
def test_a_drain_only_removes_strangers(desired: dict[str, Worker], current: dict[str, Listed]) -> None:
    changes = plan(desired, current, drain=True, answers=yes)
    assert (changes.adds, changes.replaces, changes.renews) == ((), (), ())
    assert {listed.url for listed in changes.removes} == {
        url for url, listed in current.items() if url not in desired and not listed.draining
    }


def test_an_unhealthy_worker_is_renewed_only_if_it_answers_this_host() -> None:
    one = worker(1)
    current = {url(one): Listed(url(one), "decode", 0, False, False, ("1",))}
    assert plan({url(one): one}, current, False, yes).renews == (one,)
    assert not plan({url(one): one}, current, False, no)


def test_answers_here(fake: FakeRouter) -> None:
    assert answers_here(f"http://127.0.0.1:{fake.port}")
    assert not answers_here("http://127.0.0.1:1")


def test_adds_come_before_removes(fake: FakeRouter) -> None:
    fake.hold(worker(1, "prefill", 8998), worker(2))
    router = router_of(fake, worker(1, "prefill", 8998), worker(3))
    changes, draining = reconcile(router)
    assert fake.writes() == [("POST", "http://10.0.0.3:30000"), ("DELETE", "/workers/id-http://10.0.0.2:30000")]
    assert changes.summary() == {
        "added": ["http://10.0.0.3:30000"],
        "renewed": [],
        "removed": ["http://10.0.0.2:30000"],
    }
    assert draining == []
    assert complaint(router.workers, router.listed()) == ""
    assert not reconcile(router)[0]


def test_another_type_is_removed_and_then_added(fake: FakeRouter) -> None:
    fake.hold(worker(1, "prefill", 8998), worker(2))
    router = router_of(fake, worker(1, "prefill", 8999), worker(2))
    reconcile(router)
    assert fake.writes() == [("DELETE", "/workers/id-http://10.0.0.1:30000"), ("POST", "http://10.0.0.1:30000")]
    assert complaint(router.workers, router.listed()) == ""


def test_an_unhealthy_worker_stays_in_the_list(fake: FakeRouter) -> None:
    fake.hold(worker(1), is_healthy=False)
    router = router_of(fake, worker(1))
    assert reconcile(router)[0].summary()["renewed"] == ["http://10.0.0.1:30000"]
    assert [method for method, _url in fake.writes()] == ["PUT"]
    assert complaint(router.workers, router.listed()) == ""


def test_a_worker_of_the_plan_that_is_leaving_is_added_again() -> None:
    fake = FakeRouter(smg=True)
    fake.hold(worker(1), status="draining", is_healthy=False)
    router = router_of(fake, worker(1))
    assert reconcile(router)[0].summary()["added"] == ["http://10.0.0.1:30000"]
    assert complaint(router.workers, router.listed()) == ""
    fake.close()


def test_a_worker_that_never_appears_fails_before_anything_is_removed(fake: FakeRouter) -> None:
    fake.hold(worker(1))
    fake.deaf = {"http://10.0.0.2:30000"}
    with pytest.raises(
        RouterError,
        match=r"the decode instance a-decode-0@node2 \(http://10.0.0.2:30000\) is not registered, 0 s after POST",
    ) as caught:
        reconcile(router_of(fake, worker(2)), seconds=0.1)
    assert "router1 reaches it" in str(caught.value)
    assert fake.urls() == ["http://10.0.0.1:30000"]
    assert fake.writes() == [("POST", "http://10.0.0.2:30000")]


def test_a_worker_that_never_leaves_is_an_error_in_the_routers_words(fake: FakeRouter) -> None:
    fake.hold(worker(1))
    fake.deaf = {"http://10.0.0.1:30000"}
    with pytest.raises(
        RouterError,
        match=r"10\.0\.0\.1:30000 is still registered 0 s after DELETE /workers "
        r"\(its message: No workers found\); restart it",
    ):
        reconcile(router_of(fake), seconds=0.1)


def test_requests_that_do_not_end_are_told_not_failed() -> None:
    fake = FakeRouter(smg=True)
    fake.hold(worker(1))
    fake.drain_looks = 10**6
    router = router_of(fake)
    assert reconcile(router, drain=True, seconds=0.1)[1] == ["http://10.0.0.1:30000"]
    changes, draining = reconcile(router, drain=True, seconds=0.1)
    assert not changes
    assert draining == ["http://10.0.0.1:30000"]
    fake.close()


def test_the_diff_has_one_sorted_line_for_each_worker(fake: FakeRouter) -> None:
    fake.hold(worker(2), is_healthy=False)
    fake.hold(worker(1, "prefill", 8998), worker(4))
    router = router_of(fake, worker(1, "prefill", 8998), worker(2), worker(3))
    current = router.listed()
    shown = diff(router, current, plan(router.workers, current, False, yes))
    assert shown["before"].splitlines() == [
        "decode  http://10.0.0.2:30000  unhealthy",
        "decode  http://10.0.0.4:30000",
        "prefill http://10.0.0.1:30000  bootstrap port 8998",
    ]
    assert shown["after"].splitlines() == [
        "decode  http://10.0.0.2:30000",
        "decode  http://10.0.0.3:30000",
        "prefill http://10.0.0.1:30000  bootstrap port 8998",
    ]


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        ([], "the prefill instance a-prefill-0@node1 (http://10.0.0.1:30000) is not registered"),
        (
            [(1, "decode", 0, True)],
            "the prefill instance a-prefill-0@node1 (http://10.0.0.1:30000) is registered as decode",
        ),
        (
            [(1, "prefill", 8998, False)],
            "the prefill instance a-prefill-0@node1 (http://10.0.0.1:30000) is registered but unhealthy",
        ),
        (
            [(1, "prefill", 8998, True), (2, "prefill", 9, True)],
            "a worker that is not in the plan is registered: http://10.0.0.2:30000 as prefill with bootstrap port 9",
        ),
    ],
)
def test_the_missing_piece_is_named(held: list[tuple[int, str, int, bool]], sentence: str) -> None:
    fake = FakeRouter()
    for number, kind, port, healthy in held:
        fake.hold(worker(number, kind, port), is_healthy=healthy)
    assert WatchedRouter(fake.unit(worker(1, "prefill", 8998))).probe(5) == ("", sentence)
    fake.close()


def test_ready_takes_a_completion(fake: FakeRouter) -> None:
    fake.hold(worker(1, "regular"))
    watched = WatchedRouter(fake.unit(worker(1, "regular")))
    assert watched.probe(5) == (" Paris", "")
    fake.completion = (503, {"error": "no_available_workers"})
    assert watched.probe(5) == ("", 'POST /generate answered 503: {"error": "no_available_workers"}')
    fake.close()
    assert "GET /workers" in watched.probe(5)[1]
