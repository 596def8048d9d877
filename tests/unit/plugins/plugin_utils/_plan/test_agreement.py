# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings are one for all hosts of the plan, and a template that fails names its host and variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleUndefinedVariable
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import Inventory, Variables, agreed, as_option
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.errors import PlanError

NAMES = {"deployments": "sglang_deployments", "models": "sglang_models", "env": "sglang_env"}
COMMON: dict[str, Any] = {
    "sglang_deployments": {"llama": {"model": "/m", "server": {"hosts": "gpus"}}},
    "sglang_models": {},
    "sglang_env": {"NCCL_DEBUG": "WARN"},
}
GROUPS = {"all": ["web", "gpu1", "gpu2", "spare"], "gpus": ["gpu1", "gpu2"]}


def render(value: Any, variables: Mapping[str, Any]) -> Any:
    """Stand for Ansible: a text is the name of a variable in braces."""
    name = str(value).strip("{} ")
    if name not in variables:
        raise AnsibleUndefinedVariable(f"{name!r} is undefined")
    return variables[name]


def seen(acting: str = "web", task: Mapping[str, Any] | None = None, **hosts: dict[str, Any]) -> dict[str, Any]:
    """Return the settings; hosts: what they have besides, or None for a host without any of COMMON."""
    raw = {host: {**COMMON, **hosts.get(host, {})} for host in GROUPS["all"]}
    everything = {**raw[acting], **(task or {})}
    variables = Variables(everything, raw.__getitem__, render, acting)
    return agreed(NAMES, variables, Inventory(GROUPS, variables.of), acting)


def test_hosts_that_are_not_in_the_plan_may_have_anything() -> None:
    assert seen("spare", spare={"sglang_env": {"NCCL_DEBUG": "INFO"}}) == {
        option: COMMON[name] for option, name in NAMES.items()
    }


def test_a_difference_names_hosts_and_values() -> None:
    with pytest.raises(PlanError) as refused:
        seen(gpu2={"sglang_env": {"NCCL_DEBUG": "INFO"}})
    assert refused.value.sentences == (
        "sglang_env: hosts of the plan differ in NCCL_DEBUG: 'WARN' on gpu1, 'INFO' on gpu2; the plan is one for all, "
        "so set it in group_vars/all; for one deployment, write env there, and for one host sglang_host_env",
    )


def test_a_difference_shows_no_secret() -> None:
    with pytest.raises(PlanError) as refused:
        seen(gpu2={"sglang_env": {"NCCL_DEBUG": "WARN", "HF_TOKEN": "abc123"}})
    assert "abc123" not in str(refused.value)


def test_a_template_is_rendered_as_each_host_sees_it() -> None:
    same = {"sglang_env": "{{ mine }}"}
    one, two = {"mine": {"A": "1"}}, {"mine": {"A": "2"}}
    assert seen(gpu1=same | one, gpu2=same | one)["env"] == {"A": "1"}
    with pytest.raises(PlanError, match="differ in A: '1' on gpu1, '2' on gpu2"):
        seen(gpu1=same | one, gpu2=same | two)


@pytest.mark.parametrize(
    ("template", "fix"),
    [
        ("{{ nope }}", "define what it names for this host, or write the value"),
        ("{{ ansible_facts['ib0'] }}", "the plan gathers no facts"),
        ("{{ ansible_ib0 }}", "the plan gathers no facts"),
        ("{{ ansible_host_nope }}", "the plan gathers no facts"),
    ],
)
def test_a_template_that_fails_names_host_and_variable(template: str, fix: str) -> None:
    with pytest.raises(PlanError, match=r"host gpu2: sglang_env: .* is undefined; ") as refused:
        seen(gpu2={"sglang_env": template})
    assert fix in str(refused.value)


def test_what_nobody_sets_is_said() -> None:
    variables = Variables({}, lambda _host: {}, render, "web")
    with pytest.raises(PlanError, match="sglang_deployments: it is not set"):
        agreed(NAMES, variables, Inventory(GROUPS, variables.of), "web")


@pytest.mark.parametrize(
    ("kind", "value", "found"), [("str", 5, "5"), ("str", "a", "a"), ("int", "21500", 21500), ("int", 7, 7)]
)
def test_numbers_and_texts_become_what_the_option_takes(kind: str, value: Any, found: Any) -> None:
    assert as_option(kind, value, "sglang_x") == found


@pytest.mark.parametrize(("kind", "value"), [("str", 0.5), ("str", True), ("int", "x"), ("int", True), ("int", 0.5)])
def test_other_types_are_refused_under_the_name_of_the_variable(kind: str, value: Any) -> None:
    with pytest.raises(PlanError, match="sglang_x: "):
        as_option(kind, value, "sglang_x")
