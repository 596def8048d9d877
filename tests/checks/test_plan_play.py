# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan survives what people do to a play: --limit, serial, check mode, a first host that fails, extra variables."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.checks.common import REPO

PLAY = """
- hosts: all
  gather_facts: false
  {keywords}
  tasks:
    - ansible.builtin.fail:
        msg: down
      when: inventory_hostname == '{down}'
    - ansible.builtin.import_role:
        name: multinode.sglang.sglang_plan
      run_once: true
    - ansible.builtin.debug:
        msg: "{{{{ inventory_hostname }}}} is {{{{ units | map(attribute='name') }}}}"
      vars:
        units: "{{{{ sglang_plan_result.hosts[inventory_hostname].units }}}}"
"""


def play(
    controller: Path,
    folder: Path,
    *words: str,
    keywords: str = "serial: 100%",
    down: str = "nobody",
    inventory: bool = True,
) -> tuple[int, str]:
    """Run a play with the role on the twelve small servers of the example; the status, and what was printed."""
    path = folder / "play.yml"
    path.write_text(PLAY.format(keywords=keywords, down=down), encoding="utf-8")
    example = ["-i", "inventories/many_small_servers"] if inventory else []
    command: list[str | Path] = [controller / "ansible-playbook", path, *example, *words]
    done = subprocess.run(command, cwd=REPO, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "keywords"),
    [
        (["--limit", "node1"], "serial: 100%"),
        (["--check"], "serial: 100%"),
        ([], "serial: 1"),
        (["--forks", "1"], "strategy: linear"),
    ],
)
def test_the_ports_stay_the_same(controller: Path, tmp_path: Path, words: list[str], keywords: str) -> None:
    status, printed = play(controller, tmp_path, *words, keywords=keywords)
    assert status == 0, printed
    assert "node1 is ['sglang-rollout-0', 'sglang-rollout-1', 'sglang-rollout-2', 'sglang-rollout-3']" in printed


def test_a_first_host_that_fails_keeps_the_plan_from_nobody(controller: Path, tmp_path: Path) -> None:
    status, printed = play(controller, tmp_path, down="node0")
    assert status != 0
    assert "node1 is ['sglang-rollout-0'" in printed


def test_a_survey_can_choose_a_deployment(controller: Path, tmp_path: Path) -> None:
    status, printed = play(controller, tmp_path, "-e", "sglang_plan_only=rollout")
    assert status == 0, printed
    status, printed = play(controller, tmp_path, "-e", "sglang_plan_only=rolout")
    assert status != 0
    assert "sglang_plan_only: there is no deployment 'rolout'; did you mean rollout?" in printed


@pytest.mark.parametrize(("words", "keywords"), [(["--limit", "node0"], "serial: 100%"), ([], "serial: 1")])
def test_a_part_of_an_instance_is_refused(controller: Path, tmp_path: Path, words: list[str], keywords: str) -> None:
    server = {"hosts": "rollout_nodes", "nnodes": 2, "tp_size": 16}
    deployments = json.dumps({"sglang_deployments": {"a": {"model": "/m", "server": server}}})
    status, printed = play(controller, tmp_path, *words, "-e", deployments, keywords=keywords)
    assert status != 0
    assert "instance a-0@node0: --limit or serial leaves out node1 of its hosts node0, node1" in " ".join(
        printed.split()
    )


@pytest.mark.parametrize("limit", [[], ["--limit", "node1"], ["--limit", "node0"]])
def test_what_one_host_has_otherwise_is_refused_whatever_the_limit(
    controller: Path, tmp_path: Path, limit: list[str]
) -> None:
    shutil.copytree(REPO / "inventories/many_small_servers", tmp_path / "inventory")
    other = tmp_path / "inventory/host_vars/node1.yml"
    other.parent.mkdir(exist_ok=True)
    other.write_text("sglang_env: {NCCL_DEBUG: INFO}\n", encoding="utf-8")
    words = [*limit, "-i", str(tmp_path / "inventory")]
    status, printed = play(controller, tmp_path, *words, inventory=False)
    assert status != 0
    assert (
        "sglang_env: hosts of the plan differ: not set on node0, a value on node1; the plan is one for all"
        in " ".join(printed.split())
    )


def test_a_fact_that_is_missing_is_said_with_host_and_variable(controller: Path, tmp_path: Path) -> None:
    address = {"sglang_cluster_address": "{{ ansible_facts['ib0']['ipv4']['address'] }}"}
    status, printed = play(controller, tmp_path, "-e", json.dumps(address))
    assert status != 0
    said = " ".join(printed.split())
    assert "host node0: sglang_cluster_address: " in said
    assert "the plan gathers no facts: fill a fact cache first" in said


def test_a_misspelt_variable_of_a_role_is_named(controller: Path, tmp_path: Path) -> None:
    status, printed = play(controller, tmp_path, "-e", "node_firewal_manage=true")
    assert status == 0, printed
    sentence = "node_firewal_manage: there is no such variable; did you mean node_firewall_manage?"
    assert " ".join(printed.split()).count(sentence) == 1
