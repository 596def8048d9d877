# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a unit's properties mean."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._units import watch
from ansible_collections.multinode.sglang.plugins.module_utils._units.watch import WatchedServer

from ...planned import server


@pytest.mark.parametrize(
    ("values", "before", "phase"),
    [
        ({"LoadState": "not-found", "ActiveState": "inactive"}, None, "missing"),
        ({"ActiveState": "active", "SubState": "running", "NRestarts": "0"}, None, "running"),
        ({"ActiveState": "active", "SubState": "running", "NRestarts": "3"}, 3, "running"),
        ({"ActiveState": "active", "SubState": "running", "NRestarts": "4"}, 3, "failed"),
        ({"ActiveState": "activating", "SubState": "start-pre", "NRestarts": "0"}, 0, "starting"),
        ({"ActiveState": "activating", "SubState": "auto-restart", "NRestarts": "0"}, 0, "failed"),
        ({"ActiveState": "failed", "SubState": "failed", "NRestarts": "0"}, None, "failed"),
        ({"ActiveState": "inactive", "SubState": "dead", "NRestarts": "0"}, None, "stopped"),
        ({"ActiveState": "deactivating", "SubState": "stop-sigterm", "NRestarts": "0"}, None, "stopped"),
    ],
)
def test_phase(values: dict[str, str], before: int | None, phase: str) -> None:
    assert watch.phase(values, before) == phase


@pytest.mark.parametrize(
    ("phases", "settled"),
    [
        (["ready", "ready"], True),
        (["ready", "running"], False),
        (["starting", "running"], False),
        (["failed", "running"], True),
        (["stopped", "starting"], True),
    ],
)
def test_settled(phases: list[str], settled: bool) -> None:
    assert watch.settled({str(number): {"phase": phase} for number, phase in enumerate(phases)}) is settled


class Loading:
    """A systemd in which one unit starts and then runs."""

    def __init__(self, *states: str) -> None:
        self.states, self.looks = list(states), 0

    def show(self, names: list[str]) -> dict[str, dict[str, str]]:
        """Return the next state."""
        state = self.states[min(self.looks, len(self.states) - 1)]
        self.looks += 1
        return {name: {"ActiveState": state, "SubState": "x", "NRestarts": "0", "MainPID": "1"} for name in names}


UNIT = WatchedServer(server(rank=1, nnodes=2, address="127.0.0.1", api_port=1))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.01)


def test_watch_returns_early_on_a_change() -> None:
    systemd: Any = Loading("activating", "activating", "active")
    seen = watch.watch(systemd, [UNIT], {}, 60, 1)
    assert seen["sglang-a-0"]["phase"] == "running"
    assert "Connection refused" in seen["sglang-a-0"]["trouble"]
    assert systemd.looks == 3


def test_watch_ends_with_its_time() -> None:
    systemd: Any = Loading("activating")
    assert watch.watch(systemd, [UNIT], {}, 0.05, 1)["sglang-a-0"]["phase"] == "starting"


def test_watch_does_not_wait_for_what_is_over() -> None:
    systemd: Any = Loading("failed")
    assert watch.watch(systemd, [UNIT], {}, 60, 1)["sglang-a-0"]["phase"] == "failed"
    assert systemd.looks == 1


def test_limits_of_this_process() -> None:
    assert set(watch.limits(1)) <= {"memlock", "nofile"}
    assert watch.limits(0) == {}


class Router:
    """A unit of another kind, which answers or says what is missing."""

    name = "sglang-router-a"

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble

    def probe(self, _timeout: float) -> tuple[str, str]:
        """Return the answer."""
        return ("" if self.trouble else " Paris"), self.trouble


@pytest.mark.parametrize(
    ("state", "trouble", "phase", "journal"),
    [("active", "", "ready", []), ("active", "no worker", "running", ["d"]), ("failed", "", "failed", ["c", "d"])],
)
def test_the_report_has_more_of_the_journal_the_worse_it_is(
    state: str, trouble: str, phase: str, journal: list[str]
) -> None:
    systemd: Any = Loading(state)
    systemd.journal = lambda _name, count: ["a", "b", "c", "d"][-count:]
    params = {"restarts": {"sglang-router-a": "0"}, "wait": 0.0, "probe_timeout": 1.0, "lines": 2}
    seen = watch.report(systemd, [Router(trouble)], params)["sglang-router-a"]
    assert (seen["phase"], seen["trouble"], seen["journal"]) == (phase, trouble, journal)
