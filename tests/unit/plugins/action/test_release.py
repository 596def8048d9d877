# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action around the steps, and a hundred hosts with few forks."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.multinode.sglang.plugins.action import release
from ansible_collections.multinode.sglang.plugins.plugin_utils import _action

DIGEST = "1" * 64
RELEASE = {"name": "llama", "store": "/data/llama", "source": "/mnt/llama"}
DONE = {
    "state": "done", "changed": True, "digest": DIGEST, "seconds": 1.0,
    "bytes_total": 10, "bytes_kept": 0, "source_bytes": 10, "received_bytes": 0,
}  # fmt: skip


def run_of(*hosts: str) -> dict[str, Any]:
    """Return the decision for hosts that get a release."""
    entry = {
        "hosts": list(hosts),
        "addresses": [[host, 21500] for host in hosts],
        "witness": 1,
        "grace": 60,
        "linger": 60,
    }
    return {"run": "r1", "releases": {"llama": entry}}


def inspected(**changes: Any) -> dict[str, Any]:
    """Return the result of an inspection that finds something to copy."""
    entry = {"missing": True, "digest": "", "current": "", "address": "node", "port": 21500, **changes}
    return {"releases": {"llama": entry}}


def gone_back() -> dict[str, Any]:
    """Return the result of an inspection on a host that has gone back."""
    back = {"back": True, "releases": ["B", "A"], "served": ["B", "A"], "store": "/data/llama", "trouble": ""}
    return inspected(missing=False, digest="A", current="A", **back)


class Action:
    """The action plugin on a host that answers by a function."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, answer: Any, host: str = "node1", check_mode: bool = False, **args: Any
    ) -> None:
        task = MagicMock(async_val=0, check_mode=check_mode, args={"releases": [RELEASE], **args})
        self.plugin = release.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        self.host, self.calls, self.task = host, list[dict[str, Any]](), task
        monkeypatch.setattr(self.plugin, "_execute_module", self.execute)
        self._answer = answer

    def execute(
        self, module_name: str, module_args: dict[str, Any], wrap_async: bool = False, **_options: Any
    ) -> dict[str, Any]:
        """Answer a remote call."""
        call = {"module": module_name, "async": wrap_async, **module_args}
        self.calls.append(call)
        found: dict[str, Any] = self._answer(call)
        return found

    def run(self) -> dict[str, Any]:
        """Run the action."""
        result: dict[str, Any] = self.plugin.run(None, {"inventory_hostname": self.host})
        return result


@pytest.fixture(autouse=True)
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is printed; the token of a run lies in a directory of the test."""
    lines: list[str] = []
    monkeypatch.setattr(release.display, "display", lines.append)
    monkeypatch.setattr(release.C, "DEFAULT_LOCAL_TMP", str(tmp_path))
    (tmp_path / "release-r1").write_text("word")
    return lines


def test_an_inspection_is_one_call_of_the_module_of_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(monkeypatch, lambda _call: inspected(), step="inspect")
    assert action.run()["releases"] == inspected()["releases"]
    (call,) = action.calls
    assert (call["module"], call["releases"]) == ("multinode.sglang.release", [RELEASE])


def test_a_copy_gets_the_token_and_its_place_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = Action(
        monkeypatch, lambda _call: {"changed": True}, host="node2", step="copy", run=run_of("node1", "node2")
    )
    action.run()
    (call,) = action.calls
    assert call["token"] == (tmp_path / "release-r1").read_text()
    assert call["run"]["releases"]["llama"] == {
        "own": 1,
        "hosts": [["node1", 21500], ["node2", 21500]],
        "witness": 1,
        "grace": 60,
        "linger": 60,
    }
    action = Action(monkeypatch, lambda _call: inspected(), step="inspect")
    action.run()
    assert action.calls[0]["token"] == ""


def test_a_host_alone_has_nobody_to_give_to(monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(monkeypatch, lambda _call: {"changed": True}, step="copy", run=run_of("node1"))
    action.run()
    assert action.calls[0]["run"]["releases"] == {"llama": {}}
    assert action.calls[0]["token"] == ""


@pytest.mark.parametrize("step", ["copy", "wait"])
def test_a_host_that_takes_no_part_is_not_called(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    action = Action(monkeypatch, None, host="node9", step=step, run=run_of("node1"))
    result = action.run()
    assert (result["changed"], result["releases"], action.calls) == (False, {}, [])


@pytest.mark.parametrize("step", ["copy", "wait", "agree", "switch"])
def test_check_mode_starts_nothing_and_is_quiet(monkeypatch: pytest.MonkeyPatch, shown: list[str], step: str) -> None:
    action = Action(monkeypatch, None, check_mode=True, step=step, run=run_of("node1"))
    assert action.run()["changed"] is False
    assert action.calls == []
    assert shown == []


def test_check_mode_says_what_would_be_copied(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    answer = {**inspected(), "actions": ["llama: copy 2 files"]}
    Action(monkeypatch, lambda _call: answer, step="inspect").run()
    assert shown == []
    Action(monkeypatch, lambda _call: answer, check_mode=True, step="inspect").run()
    assert shown == ["node1: llama: copy 2 files"]


def test_check_mode_says_that_hosts_have_gone_back_already(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    found = {"a": hosts_with("a", result=gone_back())["a"], "b": {"model_weights_result": {"skipped": True}}}
    assert Decision(monkeypatch, found, check_mode=True, step="plan").run()["releases"] == {}
    assert shown == ["llama: stays on A: it has gone back from the newest (B) already"]


def test_a_switch_goes_to_the_digest_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    agreed = {"run": "r1", "releases": {"llama": {"digest": DIGEST}}}
    other = {**RELEASE, "name": "qwen"}
    action = Action(monkeypatch, lambda _call: {"changed": True}, step="switch", run=agreed, releases=[RELEASE, other])
    action.run()
    (call,) = action.calls
    assert (call["releases"], call["run"]) == ([RELEASE], agreed)


def test_it_follows_until_the_end(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    states = iter(
        [
            {"state": "starting"},
            {"state": "running", "silent": 0, "bytes_total": 10, "bytes_done": 5, "rate": 1, "eta": 5},
            DONE,
        ]
    )
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(release.time, "monotonic", lambda: next(clock))
    action = Action(monkeypatch, lambda _call: {"releases": {"llama": next(states)}}, step="wait", run=run_of("node1"))
    result = action.run()
    assert result["releases"]["llama"]["digest"] == DIGEST
    assert not result.get("failed")
    assert shown[0].startswith("node1: llama: 50 % of")
    assert len(shown) == 2


def test_a_failed_copy_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"releases": {"llama": {"state": "failed", "msg": "the disk is full"}}}
    result = Action(monkeypatch, lambda _call: answer, step="wait", run=run_of("node1")).run()
    assert result["failed"]
    assert result["msg"] == "llama: the disk is full\nNo host was switched."


def test_reading_every_byte_runs_in_the_background(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    answers = iter(
        [
            {"ansible_job_id": "j1", "results_file": "/tmp/j1", "started": True},
            {"finished": False},
            {
                "finished": True,
                "changed": False,
                "actions": [],
                "releases": {"llama": {"ok": True}},
                "ansible_job_id": "j1",
            },
            {},
        ]
    )
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(_action.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(_action.time, "sleep", lambda _seconds: None)
    action = Action(monkeypatch, lambda _call: next(answers), step="verify", full=True)
    result = action.run()
    assert (result["changed"], result["releases"]) == (False, {"llama": {"ok": True}})
    assert [call["module"].rpartition(".")[2] for call in action.calls] == ["release", *["async_status"] * 3]
    assert action.calls[0]["async"]
    assert shown == ["node1: reading every byte, 20 s"]


class Cluster:
    """Hosts whose copies go on only when the copy of every host before has been started."""

    def __init__(self, hosts: list[str]) -> None:
        self.hosts, self.started, self.lock = hosts, set[str](), threading.Lock()
        self.asked = Counter[str]()

    def answer(self, host: str, call: dict[str, Any]) -> dict[str, Any]:
        """Answer a remote call; a wait ends when all hosts have been started."""
        with self.lock:
            if call["step"] == "copy":
                self.started.add(host)
                return {"changed": True, "releases": {}}
            complete = len(self.started) == len(self.hosts)
            self.asked[host] += 1
            assert self.asked[host] < 100, f"{host} waits for a host that nobody starts"
        return {
            "releases": {
                "llama": DONE if complete else {"state": "running", "bytes_total": 10, "bytes_done": 1, "rate": 1}
            }
        }


def test_a_hundred_hosts_with_five_forks_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = [f"node{number}" for number in range(100)]
    cluster, run = Cluster(hosts), run_of(*hosts)

    def work(step: str, host: str) -> tuple[dict[str, Any], int]:
        action = Action(monkeypatch, lambda call: cluster.answer(host, call), host=host, step=step, run=run)
        return action.run(), len(action.calls)

    # Ansible's strategy: a step on all hosts, some at a time in their order, before the next step.
    with ThreadPoolExecutor(5) as forks:
        for step in ("copy", "wait"):
            results = list(forks.map(lambda host, step=step: work(step, host), hosts, timeout=60))
            assert [calls for _result, calls in results] == [1] * len(hosts)
    assert all(result["releases"]["llama"]["digest"] == DIGEST for result, _calls in results)


def test_one_host_reports_those_that_ansible_has_not_started(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    run = run_of("node1", "node2", "node3")
    going = {
        "state": "running",
        "silent": 0,
        "bytes_total": 4 << 20,
        "bytes_done": 2 << 20,
        "rate": 1,
        "others": {"node3:21500": 1},
    }
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(release.time, "monotonic", lambda: next(clock))

    def first(call: dict[str, Any]) -> dict[str, Any]:
        if len(shown) == 0:
            # While node1 waits, node2 has a worker, and speaks for nobody.
            second = Action(
                monkeypatch, lambda _call: {"releases": {"llama": DONE}}, host="node2", step="wait", run=run
            )
            second.run()
            assert [asked["others"] for asked in second.calls] == [False]
            return {"releases": {"llama": going}}
        return {"releases": {"llama": DONE}}

    action = Action(monkeypatch, first, step="wait", run=run)
    action.run()
    assert [asked["others"] for asked in action.calls] == [True, True]
    assert [text.partition(" ")[0] for text in shown] == ["node2:", "node1:", "node3:", "node1:"]
    third = Action(monkeypatch, lambda _call: {"releases": {"llama": DONE}}, host="node3", step="wait", run=run)
    third.run()
    assert [asked["others"] for asked in third.calls] == [True]


class Decision:
    """The same plugin on the controller, over the results of all hosts."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        hostvars: dict[str, dict[str, Any]],
        check_mode: bool = False,
        **args: Any,
    ) -> None:
        task = MagicMock(async_val=0, check_mode=check_mode, args=args)
        self.plugin = release.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        monkeypatch.setattr(self.plugin, "_execute_module", None)
        self._vars = {"hostvars": hostvars, "ansible_play_hosts_all": list(hostvars), "ansible_forks": 5}

    def run(self) -> dict[str, Any]:
        """Run the action."""
        result: dict[str, Any] = self.plugin.run(None, self._vars)
        return result


def hosts_with(*hosts: str, **registers: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the variables of hosts that have these results."""
    return {host: {f"model_weights_{name}": value for name, value in registers.items()} for host in hosts}


def test_a_decision_has_a_name_and_a_token_that_is_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = Decision(monkeypatch, hosts_with("a", "b", result=inspected()), step="plan").run()
    assert result["releases"]["llama"]["hosts"] == ["a", "b"]
    token = (tmp_path / f"release-{result['run']}").read_text()
    assert token not in str(result)


def test_without_peers_or_in_check_mode_there_is_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Decision(monkeypatch, hosts_with("a", result=inspected()), step="plan").run()
    Decision(monkeypatch, hosts_with("a", "b", result=inspected()), check_mode=True, step="plan").run()
    assert [path.name for path in tmp_path.iterdir()] == ["release-r1"]


def test_a_host_that_has_left_the_play_keeps_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Decision(monkeypatch, {**hosts_with("a", result=inspected()), "b": {}}, step="plan").run()
    assert result["failed"]
    assert result["msg"].startswith("b failed before")


def test_all_hosts_that_have_gone_back_are_one_line(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    assert Decision(monkeypatch, hosts_with("a", "b", result=gone_back()), step="plan").run()["releases"] == {}
    assert shown == ["llama: stays on A: it has gone back from the newest (B) already"]


def test_the_end_names_the_digest_and_prints_what_was_read(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    hosts = hosts_with("a", "b", result=inspected(), copies={"releases": {"llama": DONE}})
    result = Decision(monkeypatch, hosts, step="agree", run={"run": "r1", "releases": {"llama": {}}}).run()
    assert result["releases"] == {"llama": {"digest": DIGEST}}
    assert len(shown) == 1
    assert shown[0].startswith(f"llama: the release {DIGEST} is on 2 more hosts")


def test_a_comparison_fails_or_lists_what_is_there(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    good = {"digest": DIGEST, "ok": True, "problems": {}, "lost": "", "releases": [DIGEST, "0"]}
    hosts = hosts_with("a", "b", verified={"releases": {"llama": good}})
    assert "All hosts have the same releases" in Decision(monkeypatch, hosts, step="compare").run()["msg"]
    assert shown[0] == f"llama: release {DIGEST} on 2 hosts, verified; also on disk: 0"
    result = Decision(monkeypatch, {**hosts, "c": {}}, step="compare").run()
    assert (result["failed"], result["msg"]) == (True, "c  not compared: it has no result")
