# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's driver: which states are errors, who can fix them, and in which order hosts restart."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import driver
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils._checks.hosts import DRIVER, OTHER_DRIVER, driven

VERSION = DRIVER
ANY = driver.Wanted(minimum="580.65.06")
ACTIVE = {"fabric_manager": {"state": "active", "enabled": "enabled"}}


def checks(facts: dict[str, Any], wanted: driver.Wanted = ANY) -> list[tuple[str, str]]:
    """Return the checks that failed, and who can fix it."""
    return [(finding.check, finding.fixed_by) for finding in driver.findings(facts, wanted)]


def test_a_driver_without_errors() -> None:
    assert checks(driven()) == []
    # A container tells nothing of what the next start loads.
    assert checks(driven(installed_module=None)) == []


def test_a_state_that_could_not_be_read_is_no_reason_to_install() -> None:
    assert checks({**driven(), "driver": None}) == [("unread", "user")]


def test_only_hosts_with_anything_of_nvidia_need_its_driver() -> None:
    assert not driver.concerns({"gpu": {"gpus": []}, "driver": {"kernel_module": None, "userspace": None}})
    assert not driver.concerns({"gpu": None, "driver": None})
    assert driver.concerns(driven(kernel_module=None, userspace=None))
    assert driver.concerns({"gpu": None, "driver": {"userspace": VERSION}})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"kernel_module": None, "userspace": None}, [("absent", "install")]),
        ({"userspace": None}, [("absent", "install")]),
        ({"kernel_module": "570.1.1", "userspace": "570.1.1", "installed_module": "570.1.1"}, [("old", "install")]),
        ({"kernel_module": None}, [("unloaded", "reboot")]),
        ({"userspace": "580.105.08", "installed_module": "580.105.08"}, [("mismatch", "reboot")]),
        ({"userspace": "580.105.08", "installed_module": None}, [("mismatch", "reboot")]),
        # A restart would not help: the module of these libraries was not built.
        ({"userspace": "580.105.08"}, [("mismatch", "user")]),
        ({"installed_module": "580.105.08"}, [("mismatch", "user")]),
    ],
)
def test_every_state_with_an_error(found: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert checks(driven(**found)) == expected


def test_what_is_pinned_counts_where_it_is_asked_for() -> None:
    assert checks(driven(), driver.Wanted("580.65.06", branch="590")) == [("branch", "install")]
    assert checks(driven(), driver.Wanted("580.65.06", branch="580", version=OTHER_DRIVER)) == [("version", "install")]
    assert checks(driven(), driver.Wanted("580.65.06", branch="580", version=VERSION, open_modules=True)) == []
    assert checks(driven(), driver.Wanted("580.65.06", open_modules=False)) == [("flavour", "install")]
    # The loaded module is not the installed one: a restart comes first.
    waiting = driven(userspace="580.105.08", installed_module="580.105.08", consistent=False)
    assert checks(waiting, driver.Wanted("580.65.06", open_modules=False)) == [("mismatch", "reboot")]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, [("fabric_manager", "install")]),
        ({"fabric_manager_version": OTHER_DRIVER}, [("fabric_manager", "install")]),
        ({"fabric_manager_version": VERSION, "services": ACTIVE}, []),
        (
            {"fabric_manager_version": VERSION, "services": {"fabric_manager": {"state": "failed"}}},
            [("fabric_manager_stopped", "install")],
        ),
        ({"fabric_manager_version": VERSION, "kernel_module": None}, [("unloaded", "reboot")]),
    ],
)
def test_nvswitches_need_the_fabric_manager_of_the_drivers_version(
    found: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert checks(driven(switches=4, **found)) == expected


def test_nobody_asks_for_a_fabric_manager_without_nvswitches() -> None:
    assert checks(driven(fabric_manager_version="1")) == []


def test_ibgda_needs_both_parameters_and_a_restart() -> None:
    wanted = driver.Wanted("580.65.06", ibgda=True)
    assert checks(driven(), wanted) == [("ibgda", "reboot")]
    assert checks(driven(stream_memops=True, peer_mapping_override=True), wanted) == []


HOSTS = st.lists(st.sampled_from([f"n{number}" for number in range(12)]), unique=True)


@given(HOSTS, st.lists(HOSTS, max_size=6))
def test_no_round_has_two_hosts_of_an_instance_and_the_first_has_one(
    hosts: list[str], instances: list[list[str]]
) -> None:
    rounds = driver.reboot_rounds(hosts, instances)
    assert sorted(host for one in rounds for host in one) == sorted(hosts)
    assert [len(one) for one in rounds[:1]] == ([1] if hosts else [])
    assert all(len(set(one) & set(instance)) <= 1 for one in rounds for instance in instances)


def test_hosts_of_different_instances_restart_together() -> None:
    instances = [["n1", "n2"], ["n3", "n4"], ["n5", "n6"]]
    hosts = [f"n{number}" for number in range(1, 7)]
    assert driver.reboot_rounds(hosts, instances) == [["n1"], ["n2", "n3", "n5"], ["n4", "n6"]]
