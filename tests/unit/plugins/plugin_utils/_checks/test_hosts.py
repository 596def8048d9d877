# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a host by itself: GPUs, ports, free space, resolver and clock."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import host, judge, owners

from tests.unit.plugins.plugin_utils._checks.hosts import (
    EPHEMERAL,
    WANTED,
    WANTED_DRIVER,
    WANTED_NCCL,
    WANTED_RDMA,
    driven,
    gpu,
    gpus,
    library,
    listener,
    node,
    planned,
    process,
    unit,
)


def checks(facts: dict[str, Any], plan: dict[str, Any] | None = None, ours: int | None = None) -> list[str]:
    """Return what is wrong, as area.check."""
    found = host.findings(facts, plan or planned(), EPHEMERAL, WANTED, ours)
    return [f"{finding.area}.{finding.check}" for finding in found]


def test_a_host_without_errors() -> None:
    assert checks(node()) == []


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        (gpus(gpu(0)), ["gpus.count"]),
        (gpus(gpu(0), gpu(1, lost=True)), ["gpus.count"]),
        (gpus(gpu(0), gpu(1), processes=(process("train.service"),)), ["gpus.busy"]),
        (gpus(gpu(0), gpu(1), processes=(process("sglang-lm-0.service"),)), []),
        (gpus(gpu(0, mig=True, mig_devices=[{"uuid": "MIG-1"}]), gpu(1)), ["gpus.mig"]),
        (gpus(gpu(0, fabric={"state": "In Progress", "status": "N/A"}), gpu(1)), ["gpus.fabric"]),
        (gpus(gpu(0, ecc_errors=3), gpu(1)), ["gpus.ecc"]),
        ({"listeners": [listener(30000)]}, ["ports.taken"]),
        ({"listeners": [listener(20000), listener(20001)]}, ["ports.taken"]),
        ({"listeners": [listener(20000), listener(20001, pid=8)]}, ["ports.taken", "ports.taken"]),
        ({"listeners": [listener(30000, unit="sglang-lm-0.service")]}, []),
        ({"listeners": [listener(22)]}, []),
        ({"disks": [{"path": "/data", "mount": "/", "device": "sda1", "free_mib": 1024}]}, ["space.free_space"]),
        ({"disks": [{"path": "/data", "mount": "/", "device": "sda1", "free_mib": None}]}, []),
        ({"clock": {"source": "chrony", "synchronized": True, "offset_seconds": -4.0}}, ["clock.offset"]),
        ({"clock": {"source": None, "synchronized": False, "offset_seconds": None}}, ["clock.unkept"]),
        ({"problems": ["gpu: nvidia-smi did not answer"]}, ["facts.unknown"]),
    ],
)
def test_each_error(sections: dict[str, Any], expected: list[str]) -> None:
    assert checks(node(**sections)) == expected


SLICED = gpu(0, mig=True, mig_devices=[{"uuid": "MIG-1"}, {"uuid": "MIG-2"}])


@pytest.mark.parametrize(
    ("listed", "sections", "expected"),
    [
        (["MIG-1", "MIG-2"], gpus(SLICED), []),
        (["MIG-1", "MIG-9"], gpus(SLICED), ["gpus.count"]),
        (["MIG-1"], gpus(SLICED, processes=(process("train.service", gpu="MIG-2"),)), []),
        (["MIG-1"], gpus(SLICED, processes=(process("train.service", gpu="MIG-1"),)), ["gpus.busy"]),
        (["MIG-1"], gpus({**SLICED, "ecc_errors": 3}), ["gpus.ecc"]),
        (["GPU-1"], gpus(gpu(0), gpu(1)), []),
        (["GPU-0"], gpus(gpu(0), gpu(1), processes=(process("train.service"),)), ["gpus.busy"]),
        (["GPU-1"], gpus(gpu(0), gpu(1), processes=(process("train.service"),)), []),
        (["GPU-0"], gpus(SLICED), ["gpus.mig"]),
        (["GPU-1"], gpus(gpu(0), gpu(1, lost=True)), ["gpus.count"]),
    ],
)
def test_gpus_that_are_listed_by_uuid(listed: list[str], sections: dict[str, Any], expected: list[str]) -> None:
    on_host = planned(units=[{**unit(), "gpus": [], "gpu_uuids": listed}])
    assert checks(node(**sections), on_host) == expected


def test_only_the_gpus_that_are_listed_must_be_idle() -> None:
    on_host = planned(units=[{**unit(), "gpus": [1]}])
    assert checks(node(**gpus(gpu(0), gpu(1), processes=(process("train.service"),))), on_host) == []


def test_network_and_kernel() -> None:
    network, kernel = node()["network"], node()["kernel"]
    for broken in ({"interface": None}, {"for_containers": True}):
        assert checks(node(network={**network, "cluster": network["cluster"] | broken})) == ["address.address"]
    assert checks(node(network={**network, "resolver": {"seconds": 5.0, "answered": False}})) == ["address.resolver"]
    reserved = {"ephemeral": "1024-65535", "reserved": "20000-20006,30000"}
    assert checks(node(kernel={**kernel, "ports": reserved})) == ["ports.range"]
    exposed = {"ephemeral": "1024-65535", "reserved": ""}
    assert checks(node(kernel={**kernel, "ports": exposed})) == ["ports.range", "ports.reserved"]


def test_a_copy_that_an_earlier_run_left_behind_is_ours() -> None:
    plan = planned(releases=[{"name": "llama"}], reserved_ports="21500")
    assert checks(node(listeners=[listener(21500, unit="sglang-release-llama.service")]), plan) == []
    assert checks(node(listeners=[listener(21500, unit="sglang-release-qwen.service")]), plan) == ["ports.taken"]


def test_listeners_of_this_run_are_ours() -> None:
    assert checks(node(listeners=[listener(30000)]), ours=7) == []


def test_a_login_is_never_stopped_to_free_a_port() -> None:
    assert owners.ending(listener(1, unit="ssh.service")) == "end it (sudo kill 7)"
    assert owners.ending(listener(1, unit="vllm.service")) == "stop it (sudo systemctl stop vllm.service)"


def test_units_for_another_device_need_no_gpus() -> None:
    assert checks(node(**gpus()), planned(units=[unit("cpu")])) == []
    assert checks(node(**gpus()), planned(units=[unit("cpu"), unit()])) == ["gpus.count"]


def test_only_what_is_asked_for_and_concerns_a_host_is_checked() -> None:
    facts = {**driven(), **node(), "nccl": [library("2.27.3")]}
    every = judge.Settings(WANTED_DRIVER, WANTED_NCCL, WANTED_RDMA, WANTED)
    router = planned(units=[])

    def checked(facts: dict[str, Any], entry: dict[str, Any], settings: judge.Settings) -> list[str]:
        return judge.check_host(facts, entry, EPHEMERAL, settings)[0]

    assert checked(facts, planned(), every) == ["host", "driver", "nccl", "rdma"]
    assert checked({**facts, "gpu": {}, "driver": {}}, planned(), every) == ["host", "nccl", "rdma"]
    assert checked(facts, router, every) == ["host"]
    assert checked(facts, planned(), judge.Settings(nccl=WANTED_NCCL)) == ["nccl"]
    (old,) = judge.check_host(facts, planned(), EPHEMERAL, judge.Settings(nccl=WANTED_NCCL))[1]
    assert old.check == "old"
