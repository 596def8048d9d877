# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a host, the plan and the settings of a role become findings."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.multinode.sglang.plugins.action import host_check
from ansible_collections.multinode.sglang.plugins.modules import host_check as module
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import arguments

from tests.unit.plugins.plugin_utils._checks.hosts import DRIVER, OTHER_DRIVER, driven, node, plan

NOTHING: dict[str, Any] = {"driver": None, "nccl": None, "rdma": None, "host": None, "same": []}
ASKED = {"minimum": "590", "branch": "", "version": "", "open_modules": None, "ibgda": False}


def host(version: str = DRIVER, **more: Any) -> dict[str, Any]:
    """Return the variables of a host with a driver."""
    facts = {**node(), **driven(userspace=version, kernel_module=version, installed_module=version)}
    return {"node_facts_result": {"node": facts}, **more}


def variables(name: str = "a", **hostvars: Any) -> dict[str, Any]:
    """Return the variables of a task on a host."""
    play = {"inventory_hostname": name, "ansible_play_hosts": list(hostvars), "hostvars": hostvars}
    return {"sglang_plan_result": plan(), **play, **hostvars.get(name, {})}


def test_a_host_is_checked_for_what_is_asked() -> None:
    checked, findings = host_check.check({**NOTHING, "driver": ASKED}, variables(a=host()))
    assert checked == ["driver"]
    assert [finding["text"].split(". Fix")[0] for finding in findings] == [
        f"a  NVIDIA driver {DRIVER} (expected 590 or later)"
    ]


def test_a_host_outside_of_the_plan_needs_nothing() -> None:
    assert host_check.check({**NOTHING, "driver": ASKED}, variables("z", z=host())) == ([], [])


def test_what_is_missing_is_named() -> None:
    with pytest.raises(AnsibleActionFail, match=r"node_facts_result: apply the role multinode.sglang.node_facts to a"):
        host_check.check({**NOTHING, "driver": ASKED}, variables(a={}))
    with pytest.raises(AnsibleActionFail, match="sglang_plan_result: there is no plan"):
        host_check.check(NOTHING, {**variables(a=host()), "sglang_plan_result": {"skipped": True}})


def test_the_hosts_of_the_play_are_compared() -> None:
    given = {**NOTHING, "same": ["driver"]}
    every = variables(a=host(), b=host(OTHER_DRIVER), c=host())
    checked, (finding,) = host_check.check(given, every)
    assert checked == ["same"]
    assert (finding["host"], finding["found"]) == ("b", f"NVIDIA driver {OTHER_DRIVER}")
    assert host_check.check(given, variables(a=host(), c=host())) == (["same"], [])


def installed(digest: str, **packages: str) -> dict[str, Any]:
    """Return the result of the role sglang_runtime."""
    found = {"sglang": "0.5.23", **packages}
    release = {"digest": digest, "packages": found, "interpreter": "/opt/sglang/0.5.23/bin/python"}
    return {"sglang_runtime_result": {"releases": [release]}}


def test_packages_are_those_that_the_role_has_installed() -> None:
    given = {**NOTHING, "same": ["runtime"]}
    old = host()
    old["node_facts_result"]["node"]["runtimes"] = [{"sglang": "0.5.22", "digest": "0"}]
    new = installed("1", torch="2.13.0")
    every = {"a": {**old, **new}, "b": installed("2", torch="2.12.1"), "c": {**old, **installed("")}}
    (finding,) = host_check.check(given, variables(**every))[1]
    assert (finding["host"], finding["found"]) == ("b", "Python packages torch 2.12.1")
    assert finding["expected"] == "torch 2.13.0, as on a"


def test_the_documentation_has_the_options_of_the_action() -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    for name, option in arguments.HOST_CHECK.items():
        assert option["type"] == documented[name]["type"]
        for key, suboption in option.get("options", {}).items():
            described = documented[name]["suboptions"][key]
            assert {"required": False, "default": None, **suboption}.items() >= {
                key: described[key] for key in ("type", "required", "default") if key in described
            }.items()
