# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping is bounded, what had to be killed is named, and a restart waits for each unit."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.systemd import SystemdError
from ansible_collections.multinode.sglang.plugins.modules import unit_service

NAMES = ["sglang-a-0", "sglang-b-0"]


class Host:
    """A systemd whose units stop when they are told to, or only when they are killed, or not even then."""

    def __init__(self, deaf: tuple[str, ...] = (), result: str = "success", immortal: bool = False) -> None:
        self.states = dict.fromkeys(NAMES, "active")
        self.deaf, self.result, self.immortal = deaf, result, immortal
        self.calls: list[tuple[str, ...]] = []

    def call(self, *words: str) -> str:
        """Obey."""
        self.calls.append(words)
        for name in NAMES:
            if words[0] == "stop" and f"{name}.service" in words and name not in self.deaf:
                self.states[name] = "failed" if self.result != "success" else "inactive"
            if words[0] == "kill" and f"{name}.service" in words and not self.immortal:
                self.states[name] = "failed"
            if words[0] == "reset-failed" and self.states[name] == "failed":
                self.states[name] = "inactive"
        return ""

    def show(self, names: list[str]) -> dict[str, dict[str, str]]:
        """Return states."""
        return {name: {"ActiveState": self.states[name], "Result": self.result} for name in names}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock run by itself."""
    clock = iter(range(100000))
    monkeypatch.setattr(unit_service.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(unit_service.time, "sleep", lambda _seconds: None)


def stop(host: Any) -> list[str]:
    """Stop both units."""
    return unit_service.stop(host, NAMES, 20)


def test_one_call_stops_all() -> None:
    host = Host()
    assert stop(host) == []
    assert host.calls == [("stop", "--no-block", "sglang-a-0.service", "sglang-b-0.service")]


def test_what_does_not_stop_in_time_is_killed_and_named() -> None:
    host = Host(deaf=("sglang-b-0",))
    assert stop(host) == ["sglang-b-0"]
    assert ("kill", "--kill-who=all", "--signal=SIGKILL", "sglang-b-0.service") in host.calls
    assert host.states == dict.fromkeys(NAMES, "inactive")


def test_what_systemd_killed_is_named_too_and_leaves_no_failed_unit() -> None:
    host = Host(result="timeout")
    assert stop(host) == NAMES
    assert host.states == dict.fromkeys(NAMES, "inactive")


def test_what_survives_even_that_is_an_error() -> None:
    with pytest.raises(SystemdError, match="sglang-b-0: processes are left 15 s after they were killed"):
        stop(Host(deaf=("sglang-b-0",), immortal=True))


@pytest.mark.parametrize(("restarts", "reset"), [("0", []), ("2", [("reset-failed", "sglang-b-0.service")])])
def test_a_start_begins_with_no_restarts(restarts: str, reset: list[tuple[str, ...]]) -> None:
    class Counting(Host):
        def show(self, names: list[str]) -> dict[str, dict[str, str]]:
            shown = super().show(names)
            shown["sglang-b-0"]["NRestarts"] = restarts
            return shown

    host = Counting()
    unit_service.start(host, NAMES)
    assert host.calls == [*reset, ("start", "--no-block", "sglang-a-0.service", "sglang-b-0.service")]


def test_a_restart_is_one_unit_after_the_other_and_waits_for_each() -> None:
    host: Any = Host()
    assert unit_service.restart(host, NAMES, 20) == []
    names = [f"{name}.service" for name in NAMES]
    assert host.calls == [call for name in names for call in (("stop", "--no-block", name), ("start", name))]


def test_a_restart_stops_nothing_that_is_down() -> None:
    host: Any = Host()
    host.states["sglang-a-0"] = "inactive"
    unit_service.restart(host, ["sglang-a-0"], 20)
    assert host.calls == [("start", "sglang-a-0.service")]


def test_a_failed_restart_shows_the_journal_and_ends_there() -> None:
    class Failing(Host):
        def call(self, *words: str) -> str:
            super().call(*words)
            if words[0] == "start":
                raise SystemdError("systemctl start failed")
            return ""

        def journal(self, name: str, _lines: int) -> list[str]:
            return [f"{name} says why"]

    host: Any = Failing()
    with pytest.raises(SystemdError, match=r"systemctl start failed; the end of its journal:\n  sglang-a-0 says why"):
        unit_service.restart(host, NAMES, 20)
    assert host.states["sglang-b-0"] == "active"
