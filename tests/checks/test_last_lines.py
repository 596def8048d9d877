# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of what real runs print: the reason and the next command, with the settings of the clone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.checks.common import REPO, run

NAMES = ("gpu01", "gpu02")


def ansible(controller: Path, folder: Path, playbook: str, *words: str, **server: Any) -> tuple[int, str]:
    """Run a playbook on two hosts that nothing answers for; the status, and what was printed."""
    deployments = {"llama": {"model": "owner/llama", "server": {"hosts": "nodes", **server}}}
    # A port at which nobody listens.
    hosts = {name: {"ansible_port": 9, "sglang_cluster_address": f"192.0.2.{n}"} for n, name in enumerate(NAMES, 1)}
    common = {"ansible_host": "127.0.0.1", "sglang_deployments": deployments}
    path = folder / "hosts.json"
    path.write_text(json.dumps({"nodes": {"hosts": hosts, "vars": common}}), encoding="utf-8")
    command: list[str | Path] = [controller / "ansible-playbook", f"playbooks/{playbook}.yml", "-i", path, *words]
    done = subprocess.run(command, cwd=REPO, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout


def last_lines(printed: str) -> list[str]:
    """Return what is below the recap."""
    return printed.rpartition("PLAY RECAP")[2].strip().split("\n\n", 1)[1].splitlines()


def test_a_refusal_ends_with_its_sentence(controller: Path, tmp_path: Path) -> None:
    status, printed = ansible(controller, tmp_path, "deploy", tp_size=0)
    assert status == 2
    lines = last_lines(printed)
    assert lines[0].startswith("FAILED after ")
    assert lines[1:] == [
        "  The plan is refused; no host was touched.",
        "  deployments.llama.server.tp_size: 0 is below 1; write 1 or more",
        f"  Next: correct the inventory, then ansible-playbook playbooks/plan.yml -i {tmp_path}/hosts.json",
    ]


@pytest.mark.parametrize(("playbook", "expected"), [("deploy", 4), ("stop", 4)])
def test_hosts_that_do_not_answer_are_named_once(
    controller: Path, tmp_path: Path, playbook: str, expected: int
) -> None:
    status, printed = ansible(controller, tmp_path, playbook)
    assert status == expected
    lines = last_lines(printed)
    assert lines[1].startswith("  gpu01, gpu02: no answer: ")
    assert "Connection refused" in lines[1]
    assert lines[2].startswith(f"  Next: ansible gpu01,gpu02 -i {tmp_path}/hosts.json -b -m ansible.builtin.ping; when")


def test_status_ends_with_a_reason_for_each_host(controller: Path, tmp_path: Path) -> None:
    status, printed = ansible(controller, tmp_path, "status", instances_per_host=1)
    assert status == 2
    # The rows of its table once, and not again as the result of a task.
    assert printed.count("unreachable  -") == 2
    assert "since: " not in printed
    lines = last_lines(printed)
    assert lines[2].startswith("  gpu02: llama-0@gpu02 rank 0 is unreachable: ")
    assert lines[1].startswith("  gpu01: llama-0@gpu01 rank 0 is unreachable: ")
    assert lines[-1].endswith(f"ansible-playbook playbooks/deploy.yml -i {tmp_path}/hosts.json")


def test_a_check_ends_with_its_verdict(controller: Path, tmp_path: Path) -> None:
    local = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
    status, printed = ansible(controller, tmp_path, "preflight", "--check", "-e", json.dumps(local))
    assert status == 0, printed
    lines = last_lines(printed)
    assert "this run would be REFUSED; 0 of 2 hosts passed the checks" in lines[0]
    assert lines[-1].startswith("  Next: fix this, then ansible-playbook playbooks/preflight.yml -i ")


def test_a_run_without_an_inventory_says_so_last(controller: Path) -> None:
    printed = run([controller / "ansible-playbook", "playbooks/deploy.yml"], REPO)
    assert (
        printed.strip().splitlines()[-1].startswith("NOTHING DONE: no host matched. Fix: name your inventory with -i")
    )
