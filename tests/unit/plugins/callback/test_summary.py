# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback keeps what the last lines need, no secrets, and is silent about other people's playbooks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.callback import summary

PLAN = {
    "deployments": {
        "llama": {
            "served_model": "llama",
            "routers": [],
            "instances": [
                {
                    "name": "sglang-llama-0",
                    "instance": "llama-0@gpu01",
                    "role": "server",
                    "ranks": [{"host": "gpu01"}],
                    "url": "http://10.0.0.1:30000",
                }
            ],
        }
    },
    "hosts": {},
}


class Watched:
    """A callback, what it printed, and short ways to send it events."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, playbook: Path, **arguments: Any) -> None:
        """Begin a playbook. arguments: those of the command line."""
        monkeypatch.setattr(summary.context, "CLIARGS", {"args": ("deploy.yml",), **arguments})
        self.callback = summary.CallbackModule()
        self.shown: list[str] = []
        self.callback._display = SimpleNamespace(display=lambda text, color: self.shown.append(text))
        self.callback.v2_playbook_on_start(SimpleNamespace(_file_name=str(playbook)))
        self.callback.v2_playbook_on_play_start(SimpleNamespace(get_name=lambda: "Run"))

    def result(self, action: str, host: str = "gpu01", args: Any = None, **found: Any) -> Any:
        """Return a result of a task, after its start."""
        task = SimpleNamespace(action=action, get_name=lambda: f"role : {action}")
        self.callback.v2_playbook_on_task_start(task, False)
        fields = {"args": args or {}}
        return SimpleNamespace(task=task, host=SimpleNamespace(get_name=lambda: host), result=found, task_fields=fields)

    def end(self, failures: tuple[str, ...] = (), dark: tuple[str, ...] = ()) -> str:
        """Return what it prints at the end."""
        self.callback.v2_playbook_on_stats(SimpleNamespace(processed={"gpu01": 1}, failures=failures, dark=dark))
        return "\n".join(self.shown)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """A run of deploy.yml."""
    return Watched(monkeypatch, summary.PLAYBOOKS / "deploy.yml")


def test_a_deploy_ends_with_a_request(watched: Watched) -> None:
    watched.callback.v2_runner_on_ok(watched.result(summary.PLAN, **PLAN))
    arguments = {"servers": [{"deployment": "llama"}], "api_key": "hunter2"}
    watched.callback.v2_runner_on_ok(watched.result(summary.UNITS, args=arguments))
    ready = {"sglang-llama-0": {"phase": "ready"}}
    watched.callback.v2_runner_on_ok(watched.result(summary.READY, units=ready, seconds=3.0))
    printed = watched.end()
    assert "llama: 1 instance answers as model llama, after waiting 3 s" in printed
    assert "$SGLANG_API_KEY" in printed
    assert "hunter2" not in printed + repr(vars(watched.callback._run))


def test_a_key_of_another_deployment_is_none_of_this_one(watched: Watched) -> None:
    arguments = {"servers": [{"deployment": "llama"}], "api_key": "x", "api_keys": {"llama": {}}}
    watched.callback.v2_runner_on_ok(watched.result(summary.UNITS, args=arguments))
    assert watched.callback._run.with_keys == set()


def test_the_last_failure_of_a_host_counts_and_a_rescued_one_does_not(watched: Watched) -> None:
    watched.callback.v2_runner_on_failed(watched.result("multinode.sglang.deploy_lock", msg="first"))
    watched.callback.v2_runner_on_failed(watched.result("ansible.builtin.fail", msg="second"))
    watched.callback.v2_runner_on_failed(watched.result("ansible.builtin.copy", host="gpu02", msg="rescued"))
    watched.callback.v2_runner_on_failed(watched.result("ansible.builtin.copy", host="gpu03", msg="no"), True)
    printed = watched.end(failures=("gpu01",))
    assert "  gpu01: second" in printed
    assert not [word for word in ("first", "rescued", "gpu03") if word in printed]


def test_an_item_and_a_host_that_does_not_answer(watched: Watched) -> None:
    items = [{"item": 1}, {"failed": True, "msg": "no space"}]
    watched.callback.v2_runner_on_failed(watched.result("ansible.builtin.copy", msg="One or more", results=items))
    gone = watched.result("ansible.builtin.ping", host="gpu02", msg="Task failed: Connection refused")
    watched.callback.v2_runner_on_unreachable(gone)
    printed = watched.end(failures=("gpu01",), dark=("gpu02",))
    assert "gpu01: no space" in printed
    assert "gpu02: no answer: Connection refused" in printed


def test_a_check_lists_what_would_change(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, summary.PLAYBOOKS / "deploy.yml", check=True)
    watched.callback.v2_runner_on_ok(watched.result(summary.PREFLIGHT, findings=[], hosts={"gpu01": True}))
    changed = watched.result(summary.SERVICE, changed=True, units={"sglang-llama-0": "inactive"})
    watched.callback.v2_runner_on_ok(changed)
    printed = watched.end()
    assert f"gpu01 would change: {summary.SERVICE}" in printed
    assert "would stop or start: sglang-llama-0 on gpu01" in printed


def test_status_is_repeated_in_a_line(watched: Watched) -> None:
    watched.callback.v2_runner_on_ok(watched.result(summary.STATUS, msg="2 are ready", units=[]))
    assert watched.end().endswith("2 are ready")


def test_a_playbook_of_somebody_else_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    watched = Watched(monkeypatch, tmp_path / "site.yml")
    watched.callback.v2_runner_on_failed(watched.result("ansible.builtin.copy", msg="no"))
    assert watched.end(failures=("gpu01",)) == ""
    watched.callback.v2_runner_on_failed(watched.result("multinode.sglang.units", msg="no"))
    assert "gpu01: no" in watched.end(failures=("gpu01",))


def test_inventories_are_named_as_they_were_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    watched = Watched(monkeypatch, tmp_path / "x.yml", inventory=(str(tmp_path / "hosts.yml"), "a,b", "/etc/x"))
    assert watched.callback._run.command.inventories == ("hosts.yml", "a,b", "/etc/x")
