# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs what, as the controller knows it, and what it does with an answer of a host."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.action import deploy_lock
from ansible_collections.multinode.sglang.plugins.action.deploy_lock import digests, has_ended, started, this_run


def test_this_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(deploy_lock.context, "CLIARGS", {"args": ("/x/playbooks/deploy.yml",)})
    found = this_run({}, os.getpid())
    assert (found["playbook"], found["process"], found["template"]) == ("deploy.yml", f"process {os.getpid()}", "")
    assert not has_ended(found, found["controller"])
    awx = {"awx_job_id": 12, "awx_job_template_id": 7, "awx_user_name": "carol"}
    found = this_run(awx, os.getpid())
    assert (found["who"], found["process"], found["template"]) == ("carol", "AWX job 12", "7")


def test_a_run_has_ended_where_its_process_is_gone() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        record = {"run": f"ctl1/{process.pid}/{started(process.pid)}"}
        assert not has_ended(record, "ctl1")
        process.kill()
    assert has_ended(record, "ctl1")
    assert not has_ended(record, "ctl2")
    # Another process has its number now.
    assert has_ended({"run": f"ctl1/{os.getpid()}/1"}, "ctl1")


@pytest.mark.parametrize("run", ["", "ctl1", "ctl1/x/1", "ctl1/1/"])
def test_a_run_that_nobody_can_know_has_not_ended(run: str) -> None:
    assert not has_ended({"run": run}, "ctl1")


def test_a_host_has_a_digest_for_each_deployment() -> None:
    def unit(deployment: str, name: str, digest: str) -> dict[str, Any]:
        return {"deployment": deployment, "name": name, "digest": digest}

    one = digests({"units": [unit("a", "x", "1"), unit("b", "y", "2")], "routers": [unit("a", "r", "3")]})
    other = digests({"units": [unit("a", "x", "1"), unit("b", "y", "9")], "routers": [unit("a", "r", "3")]})
    assert set(one) == {"a", "b"}
    assert (one["a"] == other["a"], one["b"] == other["b"]) == (True, False)
    assert digests({}) == {}
