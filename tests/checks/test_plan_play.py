# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan survives what people do to a play: --limit, serial, check mode, a first host that fails, extra variables."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

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
) -> tuple[int, str]:
    """Run a play with the role on the twelve small servers of the example; the status, and what was printed."""
    path = folder / "play.yml"
    path.write_text(PLAY.format(keywords=keywords, down=down), encoding="utf-8")
    command: list[str | Path] = [controller / "ansible-playbook", path, "-i", "inventories/many_small_servers", *words]
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


SERVED = {"llama": {"model": "/m", "server": {"hosts": "gpus", "nnodes": 2, "tp_size": 16}}}
INFO = {"sglang_env": {"NCCL_DEBUG": "INFO"}}
LIMITS = [[], ["--limit", "gpus"], ["--limit", "g2"]]


def planned(
    controller: Path, folder: Path, *words: str, playbook: Path = REPO / "playbooks/plan.yml", **variables: Any
) -> tuple[dict[str, Any], str]:
    """Plan two hosts, g1 and g2 of gpus, and leave out one that sorts first, aaa of aside. variables: by host or group.

    Return the plan, which is empty where it is refused, and all that was printed, in one line.
    """
    inventory, dest = folder / "hosts.json", folder / "plan.json"
    hosts = {
        host: {"ansible_host": f"10.0.0.{number}", **variables.get(host, {})}
        for number, host in enumerate(("aaa", "g1", "g2"), 1)
    }
    children = {
        "aside": {"hosts": {"aaa": hosts.pop("aaa")}, "vars": variables.get("aside", {})},
        "gpus": {"hosts": hosts, "vars": variables.get("gpus", {})},
    }
    common = {"sglang_deployments": SERVED, "sglang_plan_dest": str(dest), **variables.get("all", {})}
    inventory.write_text(json.dumps({"all": {"vars": common, "children": children}}), encoding="utf-8")
    dest.unlink(missing_ok=True)
    command: list[str | Path] = [controller / "ansible-playbook", playbook, "-i", inventory, *words]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(REPO / "ansible.cfg")}
    done = subprocess.run(command, cwd=REPO, env=environment, check=False, capture_output=True, text=True)
    printed = " ".join((done.stdout + done.stderr).split())
    assert dest.is_file() == (done.returncode == 0), printed
    return json.loads(dest.read_text(encoding="utf-8")) if dest.is_file() else {}, printed


def levels(plan: dict[str, Any]) -> list[str | None]:
    """Return NCCL_DEBUG of each server."""
    return [unit["environment"].get("NCCL_DEBUG") for host in plan["hosts"].values() for unit in host["units"]]


@pytest.mark.parametrize("limit", LIMITS)
def test_a_host_outside_the_plan_sets_nothing(controller: Path, tmp_path: Path, limit: list[str]) -> None:
    plan, printed = planned(controller, tmp_path, *limit, aside=INFO)
    assert plan, printed
    assert levels(plan) == [None, None]


@pytest.mark.parametrize("limit", LIMITS)
def test_a_host_outside_the_plan_refuses_nothing(controller: Path, tmp_path: Path, limit: list[str]) -> None:
    served = {"llama": {**SERVED["llama"], "model": "{{ folder }}/m"}}
    plan, printed = planned(
        controller,
        tmp_path,
        *limit,
        all={"sglang_deployments": served},
        gpus={"folder": "/data"},
        aside={"sglang_models": ["a"], "sglang_env": "{{ nope }}", "sglang_version": "{{ nope }}"},
    )
    assert plan, printed
    assert plan["deployments"]["llama"]["model"] == "/data/m"


def test_a_default_that_one_host_repeats_is_no_difference(controller: Path, tmp_path: Path) -> None:
    repeated = {"sglang_env": {}, "sglang_router_version": "", "sglang_models_port": "{{ 21000 + 500 }}"}
    plan, printed = planned(controller, tmp_path, g2=repeated)
    assert plan, printed


@pytest.mark.parametrize("limit", LIMITS)
def test_what_one_host_has_otherwise_is_refused(controller: Path, tmp_path: Path, limit: list[str]) -> None:
    plan, printed = planned(controller, tmp_path, *limit, g2=INFO)
    assert not plan
    assert "sglang_env.NCCL_DEBUG: hosts of the plan differ (not set on g1, 'INFO' on g2); the plan is one" in printed


def test_two_clusters_in_one_inventory_are_told_apart(controller: Path, tmp_path: Path) -> None:
    served = {"llama": {**SERVED["llama"], "server": {**SERVED["llama"]["server"], "hosts": "aside"}}}  # type: ignore[dict-item]
    plan, printed = planned(controller, tmp_path, aside={"sglang_deployments": served})
    assert not plan
    assert "sglang_deployments.llama.server.hosts: hosts of the plan differ ('aside' on aaa, 'gpus' on g1" in printed


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"sglang_models": ["a"]}, "sglang_models: ['a'] is not a mapping of names to settings; "),
        ({"sglang_env": ["a"]}, "sglang_env: ['a'] is not a mapping; "),
        ({"sglang_deployments": ["a"]}, "sglang_deployments: it must be a mapping of deployment names "),
        ({"sglang_version": 0.5}, "sglang_version: 0.5 is not a string; "),
        ({"sglang_env": {"X": "{{ nope }}"}}, "host g1: sglang_env: 'nope' is undefined; define it for this host"),
    ],
)
def test_the_plan_alone_judges_settings_and_says_it_once(
    controller: Path, tmp_path: Path, variables: dict[str, Any], said: str, limit: list[str]
) -> None:
    plan, printed = planned(controller, tmp_path, *limit, all=variables)
    assert not plan
    # Ansible prints a failure twice: as an error, and as the result of the host. The last lines repeat it.
    assert printed.count(f"The plan is refused; no host was touched. {said}") == 3
    assert printed.count(said) == 3


def test_extra_variables_are_over_those_of_hosts(controller: Path, tmp_path: Path) -> None:
    plan, printed = planned(controller, tmp_path, "-e", json.dumps({"sglang_env": {"NCCL_DEBUG": "WARN"}}), g2=INFO)
    assert plan, printed
    assert levels(plan) == ["WARN", "WARN"]


def test_variables_of_a_play_are_over_those_of_hosts(controller: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.yml"
    variables = {"sglang_env": {"NCCL_DEBUG": "{{ level }}"}, "sglang_models_root": "/srv/{{ sglang_version }}"}
    site.write_text(json.dumps([{"import_playbook": "multinode.sglang.plan", "vars": variables}]), encoding="utf-8")
    own = {"level": "TRACE", "sglang_models_root": "/inventory"}
    plan, printed = planned(controller, tmp_path, playbook=site, gpus=own, g2=INFO)
    assert plan, printed
    assert (levels(plan), plan["models_root"]) == (["TRACE", "TRACE"], "/srv/0.5.23")
    plan, printed = planned(controller, tmp_path, playbook=site, gpus=own, g2={"level": "INFO"})
    assert not plan
    assert "sglang_env.NCCL_DEBUG: hosts of the plan differ ('TRACE' on g1, 'INFO' on g2)" in printed


def test_settings_may_name_defaults_of_the_role(controller: Path, tmp_path: Path) -> None:
    plan, printed = planned(controller, tmp_path, gpus={"sglang_models_root": "{{ '/srv/' ~ sglang_version }}"})
    assert plan, printed
    assert (plan["models_root"], plan["router_version"]) == ("/srv/0.5.23", "0.3.2")


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
