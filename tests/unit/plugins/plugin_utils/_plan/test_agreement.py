# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings are one for all hosts of the plan, and a template that fails names its host and variable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleUndefinedVariable
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import (
    HostVariables,
    Inventory,
    PlanError,
    Settings,
    settled,
)

NAMES = {"deployments": "sglang_deployments", "models": "sglang_models", "env": "sglang_env"}
DEPLOYMENTS = {"llama": {"model": "/m", "server": {"hosts": "gpus"}}}
COMMON: dict[str, Any] = {
    "sglang_deployments": DEPLOYMENTS,
    "sglang_models": {},
    "sglang_env": {"NCCL_DEBUG": "WARN"},
}
# The options of the module without their defaults; None where it has none.
OPTIONS: dict[str, Any] = {
    "deployments": None,
    "sglang_version": "0.5.23",
    "router_package": "sglang-router",
    "router_version": "",
    "ephemeral_ports": "32768-60999",
    "reserved_ports": "",
    "env": {},
    "models": {},
    "models_root": "/data/models",
    "models_port": 21500,
    "models_release": "",
}
GROUPS = {"all": ["web", "gpu1", "gpu2", "spare"], "gpus": ["gpu1", "gpu2"]}


def render(value: Any, variables: Mapping[str, Any]) -> Any:
    """Stand for Ansible: a text is the name of a variable in braces."""
    name = str(value).strip("{} ")
    if name not in variables:
        raise AnsibleUndefinedVariable(f"{name!r} is undefined")
    return variables[name]


def seen(
    names: Mapping[str, str] = NAMES, common: Mapping[str, Any] = COMMON, **hosts: dict[str, Any]
) -> tuple[Any, Settings]:
    """Return the deployments and settings; hosts: what they have besides what is common."""
    raw = {host: {**common, **hosts.get(host, {})} for host in GROUPS["all"]}
    views = {
        host: HostVariables(host, mine, lambda value, mine=mine: render(value, mine)) for host, mine in raw.items()
    }
    return settled(OPTIONS, names, Inventory(GROUPS, views.__getitem__))


def test_hosts_that_are_not_in_the_plan_may_have_anything() -> None:
    other = {"sglang_env": {"NCCL_DEBUG": "INFO"}, "sglang_models": "{{ nope }}"}
    deployments, settings = seen(web=other, spare=other)
    assert (deployments, settings.env) == (DEPLOYMENTS, {"NCCL_DEBUG": "WARN"})


def test_deployments_that_fail_on_a_host_outside_the_plan_are_those_of_the_others() -> None:
    template = {"sglang_deployments": "{{ served }}"}
    planned = {"served": DEPLOYMENTS}
    assert seen(common=COMMON | template, gpu1=planned, gpu2=planned)[0] == DEPLOYMENTS


def test_deployments_that_fail_on_a_host_of_the_plan_are_refused() -> None:
    template = {"sglang_deployments": "{{ served }}"}
    with pytest.raises(PlanError, match="host gpu2: sglang_deployments: 'served' is undefined"):
        seen(common=COMMON | template, web={"served": DEPLOYMENTS}, gpu1={"served": DEPLOYMENTS})
    with pytest.raises(PlanError, match="host web: sglang_deployments: 'served' is undefined"):
        seen(common=COMMON | template)


def test_hosts_that_only_a_model_names_are_hosts_of_the_plan() -> None:
    models = {"sglang_models": {"llama": {"source": "/m", "hosts": "spare"}}}
    other = {"sglang_env": {"NCCL_DEBUG": "INFO"}}
    with pytest.raises(PlanError, match=r"sglang_env.NCCL_DEBUG: .*'INFO' on spare"):
        seen(common=COMMON | models, spare=other)


def test_a_difference_names_hosts_and_values() -> None:
    with pytest.raises(PlanError) as refused:
        seen(gpu2={"sglang_env": {"NCCL_DEBUG": "INFO"}})
    assert refused.value.sentences == (
        "sglang_env.NCCL_DEBUG: hosts of the plan differ ('WARN' on gpu1, 'INFO' on gpu2); the plan is one for all, so "
        "set sglang_env once, in group_vars/all; for one deployment, write env there, and for one host sglang_host_env",
    )


def test_two_clusters_are_told_by_what_differs() -> None:
    other = {"llama": {"model": "/m", "server": {"hosts": "spare"}}}
    with pytest.raises(PlanError) as refused:
        seen(spare={"sglang_deployments": other})
    assert refused.value.sentences == (
        "sglang_deployments.llama.server.hosts: hosts of the plan differ ('gpus' on web, gpu1, gpu2, 'spare' on "
        "spare); the plan is one for all, so set sglang_deployments once, in group_vars/all; for two clusters, use two "
        "inventories",
    )


def test_several_differences_are_shown_side_by_side() -> None:
    with pytest.raises(PlanError, match=re.escape("({A: '1', B: not set} on gpu1, {A: '2', B: a mapping} on gpu2)")):
        seen(gpu1={"sglang_env": {"A": "1"}}, gpu2={"sglang_env": {"A": "2", "B": {"C": 1}}})


def test_a_difference_shows_no_secret() -> None:
    for secrets in ({"HF_TOKEN": "abc123"}, {"HF_TOKEN": "abc123", "API_KEY": "abc123"}):
        with pytest.raises(PlanError, match=r"a secret}? on gpu2") as refused:
            seen(gpu2={"sglang_env": {"NCCL_DEBUG": "WARN", **secrets}})
        assert "abc123" not in str(refused.value)


def test_every_setting_that_differs_is_said_at_once() -> None:
    with pytest.raises(PlanError) as refused:
        seen(gpu2={"sglang_env": {}, "sglang_models": "{{ nope }}"})
    assert [sentence.split(":")[0] for sentence in refused.value.sentences] == ["host gpu2", "sglang_env.NCCL_DEBUG"]


def test_a_template_is_rendered_as_each_host_sees_it() -> None:
    same = {"sglang_env": "{{ mine }}"}
    one, two = {"mine": {"A": "1"}}, {"mine": {"A": "2"}}
    assert seen(gpu1=same | one, gpu2=same | one)[1].env == {"A": "1"}
    with pytest.raises(PlanError, match=re.escape("sglang_env.A: hosts of the plan differ ('1' on gpu1, '2' on gpu2)")):
        seen(gpu1=same | one, gpu2=same | two)


def test_a_template_is_rendered_once_however_often_it_is_read() -> None:
    rendered: list[str] = []
    variables = HostVariables("gpu1", {"a": "{{ b }}", "b": 5}, lambda value: rendered.append(value) or 5)  # type: ignore[func-returns-value]
    assert "a" in variables
    assert rendered == []
    assert [variables["a"], variables.get("a"), variables["b"]] == [5, 5, 5]
    assert rendered == ["{{ b }}"]


@pytest.mark.parametrize(
    ("template", "fix"),
    [
        ("{{ nope }}", "define it for this host, or write the value"),
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
    with pytest.raises(PlanError, match="sglang_deployments: it is not set"):
        seen(common={})
    with pytest.raises(PlanError, match="deployments: it is not set"):
        settled(OPTIONS, {}, Inventory(GROUPS, {}.__getitem__))


def test_what_is_empty_on_all_hosts_has_its_default() -> None:
    assert seen(common=COMMON | {"sglang_env": None})[1].env == {}


def test_deployments_without_a_host_reach_the_checks_that_refuse_them() -> None:
    assert seen(common=COMMON | {"sglang_deployments": ["a"]})[0] == ["a"]


def test_an_option_that_is_not_read_from_hosts_is_refused() -> None:
    with pytest.raises(PlanError, match=r"variables\.model: it is not read from hosts; did you mean models\?"):
        seen(names={**NAMES, "model": "sglang_models"})


@pytest.mark.parametrize(
    ("option", "value", "found"),
    [
        ("sglang_version", 5, "5"),
        ("sglang_version", "a", "a"),
        ("models_port", "21500", 21500),
        ("models_port", 7, 7),
    ],
)
def test_numbers_and_texts_become_what_the_option_takes(option: str, value: Any, found: Any) -> None:
    _deployments, settings = seen(names={**NAMES, option: "sglang_x"}, common={**COMMON, "sglang_x": value})
    assert getattr(settings, option) == found


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("sglang_version", 0.5),
        ("sglang_version", True),
        ("models_port", "x"),
        ("models_port", "٢"),
        ("models_port", True),
        ("models_port", 0.5),
    ],
)
def test_other_types_are_refused_under_the_name_of_the_variable(option: str, value: Any) -> None:
    with pytest.raises(PlanError, match=r"sglang_x: .* is not a"):
        seen(names={**NAMES, option: "sglang_x"}, common={**COMMON, "sglang_x": value})
