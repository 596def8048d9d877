# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a host goes on waiting, and when it gives up."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import to_dict
from ansible_collections.multinode.sglang.plugins.plugin_utils._progress.board import Board
from ansible_collections.multinode.sglang.plugins.plugin_utils._progress.waiting import Wait

from ...planned import router, server


def state(phase: str, *journal: str, restarts: int = 0) -> dict[str, Any]:
    """Return what a remote call returns about a unit."""
    return {"phase": phase, "restarts": restarts, "journal": list(journal), "trouble": "", "limits": {}}


@pytest.fixture
def board(tmp_path: pathlib.Path) -> Board:
    return Board(tmp_path, "task")


def wait(board: Board, rank: int, **changes: Any) -> Wait:
    """Return the wait of the host of one rank."""
    options: dict[str, Any] = {
        "host": f"node{rank + 1}",
        "units": [server(rank=rank, nnodes=2)],
        "started": [],
        "timeout": 60.0,
        "chatty": True,
    }
    return Wait(board=board, **{**options, **changes})


def see(waiting: Wait, phase: str, *journal: str, elapsed: float = 0, restarts: int = 0) -> str | None:
    """Let a wait see its unit and decide."""
    waiting.take({"sglang-a-0": state(phase, *journal, restarts=restarts)}, elapsed)
    return waiting.verdict(elapsed)


def test_a_leader_that_answers_is_ready_at_once(board: Board) -> None:
    assert see(wait(board, 0), "ready") == ""


def test_a_loading_leader_is_waited_for(board: Board) -> None:
    assert see(wait(board, 0), "running") is None


def test_a_follower_waits_for_a_leader_that_is_being_looked_at(board: Board) -> None:
    leader, follower = wait(board, 0), wait(board, 1)
    assert see(follower, "ready") is None
    assert see(leader, "ready") == ""
    assert follower.verdict(1) == ""


def test_a_follower_does_not_wait_for_a_leader_whose_turn_has_not_come(board: Board) -> None:
    assert see(wait(board, 1), "ready") == ""


def test_a_follower_lingers_without_remote_calls_until_the_leader_is_ready(board: Board) -> None:
    leader, follower = wait(board, 0), wait(board, 1)
    see(follower, "ready")
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        if clock[0] > 3:
            see(leader, "ready")

    follower.linger(lambda: clock[0], sleep)
    assert 3 < clock[0] < 4
    assert follower.verdict(clock[0]) == ""


def test_a_failure_has_the_journal_and_ends_the_other_waits(board: Board) -> None:
    leader, follower = wait(board, 0), wait(board, 1)
    message = see(follower, "failed", "Traceback", "RuntimeError: out of memory")
    assert message == (
        "a-0@node1 rank 1 on node2 (unit sglang-a-0) has failed: RuntimeError: out of memory; "
        "the last lines of its journal:\n"
        "  Traceback\n  RuntimeError: out of memory"
    )
    assert see(leader, "running") == (
        "no longer waiting for a-0@node1 rank 0 on node1: "
        "a-0@node1 rank 1 on node2 (unit sglang-a-0) has failed: RuntimeError: out of memory"
    )


def test_a_refused_start_is_in_the_first_line(board: Board) -> None:
    message = see(wait(board, 0), "failed", "refused: port 30000 (api) is taken by pid 7 (nginx)", "Failed to start")
    assert message
    assert message.startswith(
        "a-0@node1 rank 0 on node1 (unit sglang-a-0) has failed: port 30000 (api) is taken by pid 7 (nginx); the last"
    )


@pytest.mark.parametrize(
    ("phase", "words"), [("stopped", "is not running"), ("missing", "does not exist; deploy this host")]
)
def test_what_is_not_there_is_not_waited_for(board: Board, phase: str, words: str) -> None:
    assert words in (see(wait(board, 0), phase) or "")


def test_earlier_restarts_are_not_news_but_those_of_a_started_unit_are(board: Board) -> None:
    old, new = wait(board, 0), wait(board, 0, started=["sglang-a-0"])
    see(old, "running", restarts=7)
    assert old.restarts == {"sglang-a-0": 7}
    assert new.restarts == {"sglang-a-0": 0}


def test_the_time_is_over(board: Board) -> None:
    message = see(wait(board, 0), "running", "Loading safetensors 3/8", elapsed=60)
    assert (
        message
        == "a-0@node1 rank 0 on node1 (unit sglang-a-0) is not ready after 60 s: running\n  Loading safetensors 3/8"
    )


def test_progress_about_every_fifteen_seconds(board: Board) -> None:
    waiting = wait(board, 0)
    lines = [
        waiting.take({"sglang-a-0": state("running", "Loading 1/8")}, second) for second in (0, 10, 15, 20, 29, 31)
    ]
    assert [len(line) for line in lines] == [0, 0, 1, 0, 0, 1]
    assert lines[2] == ["a-0@node1 rank 0 on node1: loading, 15 s, last log line: Loading 1/8"]


def test_in_a_big_play_only_leaders_show_progress(board: Board) -> None:
    assert wait(board, 1, chatty=False).take({"sglang-a-0": state("running", "x")}, 16) == []


def test_only_pending_units_are_asked_for(board: Board) -> None:
    waiting = wait(board, 0, units=[server(), server("b")])
    waiting.take({"sglang-a-0": state("ready"), "sglang-b-0": state("running", "x")}, 0)
    assert [unit["name"] for unit in waiting.to_ask()] == ["sglang-b-0"]


def test_a_limit_that_the_kernel_did_not_give_is_a_warning(board: Board) -> None:
    waiting = wait(board, 0)
    waiting.take({"sglang-a-0": {**state("ready"), "limits": {"memlock": "8388608"}}}, 0)
    assert [text.partition(",")[0] for text in waiting.warnings()] == [
        "The servers on node1 may lock only 8.4 MB of memory"
    ]
    assert "journal" not in waiting.outcome()["sglang-a-0"]


ROUTER = router()
MISSING = "the decode instance a-decode-0@node2 (http://x:1) is not registered"


def router_wait(board: Board, host: str = "node9") -> Wait:
    """Return the wait of a host for its router."""
    return Wait(host, [ROUTER], [], 60.0, board, chatty=True)


def see_router(waiting: Wait, phase: str, elapsed: float, trouble: str = "") -> list[str]:
    """Let a wait see its router."""
    return waiting.take({"sglang-router-a": {**state(phase, "noise"), "trouble": trouble}}, elapsed)


def test_a_router_is_asked_for_as_a_whole(board: Board) -> None:
    assert router_wait(board).to_ask() == [to_dict(ROUTER)]


def test_the_progress_of_a_router_is_what_is_missing(board: Board) -> None:
    waiting = router_wait(board)
    assert see_router(waiting, "running", 15, MISSING) == [f"the router of a on node9: running, 15 s, {MISSING}"]
    assert waiting.verdict(15) is None
    assert see_router(waiting, "ready", 20) == []
    assert waiting.verdict(20) == ""


def test_the_time_of_a_router_is_over(board: Board) -> None:
    waiting = router_wait(board)
    see_router(waiting, "running", 60, MISSING)
    assert waiting.verdict(60) == (
        f"the router of a on node9 (unit sglang-router-a) is not ready after 60 s: running, {MISSING}\n  noise"
    )


def test_routers_of_one_deployment_do_not_depend_on_each_other(board: Board) -> None:
    one, other = router_wait(board, "node8"), router_wait(board, "node9")
    see_router(one, "failed", 1)
    see_router(other, "running", 1)
    assert (one.verdict(1) or "").startswith("the router of a on node8 (unit sglang-router-a) has failed")
    assert other.verdict(1) is None
