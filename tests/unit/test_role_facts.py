# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What roles make of the facts of a host: sections that could not be gathered, and units that still run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.multinode.sglang.plugins.module_utils._node.gather import SECTIONS

ROLES = Path(__file__).parents[2] / "roles"
NODE: dict[str, Any] = {
    "clock": {"source": None, "synchronized": False},
    "driver": {
        "kernel_module": "580.95.05",
        "userspace": "580.95.05",
        "consistent": True,
        "fabric_manager_version": "580.95.05",
        "services": {"fabric_manager": {"state": "failed", "enabled": "enabled"}},
    },
    "gpu": {"gpus": [{}], "nvswitches": 4},
    "kernel": {"container": None},
    "network": {"cluster": {"interface": "eth0", "mtu": 1500}},
    "rdma": {"devices": [{}]},
}
# What the facts of a role's host decide.
DECISIONS = {
    "nvidia_driver": ("__nvidia_driver_idle",),
    "node_tuning": ("__node_tuning_install_chrony", "__node_tuning_cluster"),
    "rdma": ("__rdma_load_peermem",),
}
OTHERS = {
    "inventory_hostname": "node1",
    "ansible_check_mode": False,
    "nvidia_driver_check": {"findings": []},
    "node_tuning_mtu": 9000,
    "__node_tuning_is_lossy": True,
}


def trusted(value: Any) -> Any:
    """Return variables whose texts are templates."""
    if isinstance(value, dict):
        return {key: trusted(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [trusted(entry) for entry in value]
    return trust_as_template(value) if isinstance(value, str) else value


def load(path: Path) -> Any:
    """Return what a YAML file has, with templates."""
    return trusted(yaml.safe_load(path.read_text(encoding="utf-8")) or {})


def templar(role: str, **variables: Any) -> Templar:
    """Return what renders the templates of a role."""
    own = {**load(ROLES / role / "defaults/main.yml"), **load(ROLES / role / "vars/main.yml")}
    return Templar(DataLoader(), variables={**own, **OTHERS, **variables})


def decide(role: str, node: dict[str, Any]) -> dict[str, Any]:
    """Return what a role decides from the facts of a host."""
    rendering = templar(role, node_facts_result={"node": node})
    return {name: rendering.template(trust_as_template(f"{{{{ {name} }}}}")) for name in DECISIONS[role]}


def tasks(entries: Any) -> Iterator[dict[str, Any]]:
    """Yield tasks, and those inside of blocks."""
    for entry in entries:
        yield entry
        yield from tasks([*entry.get("block", []), *entry.get("always", [])])


def conditions(role: str) -> Iterator[list[str]]:
    """Yield the conditions of each task that asks for facts."""
    for path in sorted((ROLES / role / "tasks").glob("*.yml")):
        for task in tasks(load(path)):
            when = task.get("when", [])
            every = when if isinstance(when, list) else [when]
            if any(f"__{role}_{name}" in str(every) for name in ("facts", "node", "clock", "install", "load")):
                yield every


@pytest.mark.parametrize("role", DECISIONS)
@pytest.mark.parametrize("lost", [*((name,) for name in NODE), SECTIONS])
def test_a_section_that_could_not_be_gathered_breaks_no_role(role: str, lost: tuple[str, ...]) -> None:
    node = {**NODE, **dict.fromkeys(lost)}
    decide(role, node)
    rendering = templar(role, node_facts_result={"node": node})
    asked = list(conditions(role))
    assert asked
    for every in asked:
        # As Ansible does, up to the first one that does not hold.
        assert isinstance(all(rendering.evaluate_conditional(one) for one in every), bool)


def test_what_is_known_decides() -> None:
    assert decide("nvidia_driver", NODE) == {"__nvidia_driver_idle": ["fabric_manager"]}
    assert decide("rdma", NODE) == {"__rdma_load_peermem": True}
    tuned = decide("node_tuning", NODE)
    assert tuned == {"__node_tuning_install_chrony": True, "__node_tuning_cluster": {"interface": "eth0", "mtu": 1500}}


def test_what_is_unknown_installs_and_starts_nothing() -> None:
    nothing = dict.fromkeys(NODE)
    assert decide("nvidia_driver", nothing) == {"__nvidia_driver_idle": []}
    assert decide("rdma", nothing) == {"__rdma_load_peermem": False}
    assert decide("node_tuning", nothing) == {"__node_tuning_install_chrony": False, "__node_tuning_cluster": {}}
    for name in ("clock", "kernel"):
        assert not decide("node_tuning", {**NODE, name: None})["__node_tuning_install_chrony"]


def test_an_mtu_is_set_only_where_the_interface_is_known() -> None:
    first = load(ROLES / "node_tuning/tasks/mtu.yml")[0]["ansible.builtin.assert"]
    for network, known in ((NODE["network"], True), ({"cluster": None}, False), (None, False)):
        rendering = templar("node_tuning", node_facts_result={"node": {**NODE, "network": network}})
        assert rendering.evaluate_conditional(first["that"]) is known
        assert "node1  the interfaces of this host are unknown" in rendering.template(first["fail_msg"])


def removal(role: str) -> dict[str, Any]:
    """Return the task that removes what all units of a host share."""
    (task,) = load(ROLES / role / "tasks/remove.yml")
    return dict(task)


@pytest.mark.parametrize("role", ["node_firewall", "node_tuning"])
@pytest.mark.parametrize(
    ("here", "removed"),
    [
        ({}, True),
        ({"left_out_units": [], "left_out_routers": []}, True),
        ({"left_out_units": ["a"], "left_out_routers": []}, False),
        ({"left_out_units": [], "left_out_routers": ["r"]}, False),
    ],
)
def test_what_servers_and_routers_share_goes_with_the_last_of_them(
    role: str, here: dict[str, list[str]], removed: bool
) -> None:
    task = removal(role)
    plan = {"hosts": {"node1": here}}
    rendering = templar(role, **{f"{role}_manage": True}, sglang_plan_result=plan, **task["vars"])
    assert all(rendering.evaluate_conditional(one) for one in task["when"]) is removed


def test_both_ask_in_the_same_way_what_still_runs() -> None:
    texts = [str(removal(role)["vars"]).replace(role, "ROLE") for role in ("node_firewall", "node_tuning")]
    assert texts[0] == texts[1]
