# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nvidia-smi says, also where a GPU is lost, cut up, or not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._node import gpu

Recorded = Callable[[str], str]
Host = Callable[[str], Root]
Answering = Callable[..., Commands]


def test_gpus(recorded: Recorded) -> None:
    first, second = gpu.parse_gpus(recorded("gpus_h100.csv"))
    assert first == {
        "index": 0, "uuid": "GPU-1b7c3e9a-0f52-4c1d-9a57-6a2f0c8d4e11", "name": "NVIDIA H100 80GB HBM3",
        "pci": "0000:19:00.0",
        "memory_mib": 81559, "memory_used_mib": 4, "driver_version": "580.95.05",
        "persistence": True, "ecc": True, "mig": False,
        "compute_mode": "Default", "utilization": 0, "ecc_errors": 0,
    }  # fmt: skip
    assert (second["memory_used_mib"], second["utilization"], second["ecc_errors"]) == (70524, 98, 2)


def test_what_a_gpu_does_not_have_is_none(recorded: Recorded) -> None:
    (one,) = gpu.parse_gpus(recorded("gpus_gb10.csv"))
    assert (one["pci"], one["memory_mib"], one["ecc"], one["mig"]) == ("000f:01:00.0", None, None, None)


def test_processes_may_have_commas_in_their_names(recorded: Recorded) -> None:
    first, second = gpu.parse_processes(recorded("processes_h100.csv"))
    assert (first["pid"], first["memory_mib"], first["name"]) == (4711, 70120, "sglang::scheduler_TP1")
    assert (second["memory_mib"], second["name"]) == (None, "/opt/tools/python3, with a comma")


@pytest.mark.parametrize("name", ["no_devices.txt", "no_driver.txt", "mismatch.txt"])
def test_a_failure_has_no_gpus(recorded: Recorded, name: str) -> None:
    assert gpu.parse_gpus(recorded(name)) == []
    assert gpu.parse_processes(recorded(name)) == []


@pytest.mark.parametrize(
    ("name", "matrix"),
    [
        (
            "topology_nics.txt",
            {
                "GPU0": {"GPU1": "NV18", "mlx5_bond_0": "PIX", "mlx5_1": "SYS"},
                "GPU1": {"GPU0": "NV18", "mlx5_bond_0": "SYS", "mlx5_1": "PXB"},
                "mlx5_bond_0": {"GPU0": "PIX", "GPU1": "SYS", "mlx5_1": "SYS"},
                "mlx5_1": {"GPU0": "SYS", "GPU1": "PXB", "mlx5_bond_0": "SYS"},
            },
        ),
        (
            "topology_old.txt",
            {
                "GPU0": {"mlx5_0": "PXB", "mlx5_1": "SYS"},
                "mlx5_0": {"GPU0": "PXB", "mlx5_1": "SYS"},
                "mlx5_1": {"GPU0": "SYS", "mlx5_0": "SYS"},
            },
        ),
        ("topology_gb10.txt", {"GPU0": {}}),
        ("topology_h200.txt", {"GPU0": {}}),
        ("no_driver.txt", {}),
    ],
)
def test_topology(recorded: Recorded, name: str, matrix: dict[str, Any]) -> None:
    assert gpu.parse_topology(recorded(name)) == matrix


def test_nvlinks(recorded: Recorded) -> None:
    assert gpu.parse_nvlink(recorded("nvlink_h100.txt")) == {
        0: {"active": 18, "inactive": 0},
        1: {"active": 17, "inactive": 1},
    }
    assert gpu.parse_nvlink(recorded("nvlink_pcie.txt")) == {0: {"active": 0, "inactive": 0}}
    assert gpu.parse_nvlink(recorded("no_devices.txt")) == {}


@pytest.mark.parametrize(
    ("text", "fabric"),
    [
        ("0, state  Completed, status Success", {0: {"state": "Completed", "status": "Success"}}),
        (
            "0, [N/A], [N/A]\n1, Not Supported, Not Supported",
            {0: {"state": None, "status": None}, 1: {"state": None, "status": None}},
        ),
        ('Field "fabric.state" is not a valid field to query.', {}),
    ],
)
def test_the_fabric(text: str, fabric: dict[int, dict[str, str | None]]) -> None:
    assert gpu.parse_fabric(text) == fabric


def smi(recorded: Recorded, gpus: str, **more: str) -> dict[str, tuple[int, str]]:
    """The answers of nvidia-smi."""
    names = {
        "--query-gpu": gpus,
        "--query-compute": "processes_h100.csv",
        "topo": "topology_nics.txt",
        "nvlink": "nvlink_h100.txt",
    }
    names["--query-gpu=index,fabric"] = "fabric_h100.csv"
    # The longest words first: two of the queries begin alike.
    return {
        f"nvidia-smi {word}": (0, recorded(name))
        for word, name in sorted({**names, **more}.items(), key=lambda item: -len(item[0]))
    }


def test_all_at_once(recorded: Recorded, host_files: Host, answering: Answering) -> None:
    root = host_files("infiniband.tree")
    found, problems = gpu.gather(root, answering(smi(recorded, "gpus_h100.csv")))
    assert problems == []
    assert [(gpu["index"], gpu["lost"], gpu["numa_node"], gpu["nvlinks"]["active"]) for gpu in found["gpus"]] == [
        (0, False, 0, 18),
        (1, False, 1, 17),
    ]
    assert [gpu["fabric"] for gpu in found["gpus"]] == [
        {"state": "Completed", "status": "Success"},
        {"state": "In Progress", "status": None},
    ]
    assert found["nvswitches"] == 1
    assert found["topology"]["GPU0"]["mlx5_bond_0"] == "PIX"
    assert [(process["pid"], process["gpu"]) for process in found["processes"]] == [
        (4711, "GPU-2c8d4f0b-1a63-4d2e-8b68-7b301d9e5f22"),
        (4712, "GPU-2c8d4f0b-1a63-4d2e-8b68-7b301d9e5f22"),
    ]


def test_a_process_has_its_owner_and_unit(recorded: Recorded, host_files: Host, answering: Answering) -> None:
    root = host_files(
        "/proc/4711/cmdline = sglang::scheduler_TP1\n"
        "/proc/4711/status = Name:\tpython Uid:\n"
        "/proc/4711/cgroup = 0::/system.slice/sglang-llama-0.service\n"
    )
    found, _unused = gpu.gather(root, answering(smi(recorded, "gpus_h100.csv")))
    first, second = found["processes"]
    assert (first["command"], first["unit"]) == ("sglang::scheduler_TP1", "sglang-llama-0.service")
    assert (second["command"], second["user"], second["unit"]) == (None, None, None)


def test_a_gpu_that_fell_off_the_bus_is_named(recorded: Recorded, host_files: Host, answering: Answering) -> None:
    found, problems = gpu.gather(host_files("roce_bond.tree"), answering(smi(recorded, "gpus_lost.csv")))
    assert [(gpu["pci"], gpu["lost"], gpu["uuid"] is None) for gpu in found["gpus"]] == [
        ("0000:19:00.0", False, False),
        ("0000:3b:00.0", True, True),
    ]
    assert problems == ["Unable to determine the device handle for GPU1: 0000:3B:00.0: Unknown Error"]


def test_mig_devices(recorded: Recorded, host_files: Host, answering: Answering) -> None:
    found, _unused = gpu.gather(host_files(""), answering(smi(recorded, "gpus_mig.csv", **{"-L": "list_mig.txt"})))
    (one,) = found["gpus"]
    assert one["mig"] is True
    assert [device["profile"] for device in one["mig_devices"]] == ["3g.20gb", "2g.10gb"]


@pytest.mark.parametrize(
    ("name", "rc", "problem"),
    [
        ("no_devices.txt", 6, "nvidia-smi ended with 6: No devices were found"),
        ("mismatch.txt", 18, "Failed to initialize NVML: Driver/library version mismatch"),
        ("no_driver.txt", 9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver"),
    ],
)
def test_why_nvidia_smi_failed(
    recorded: Recorded, host_files: Host, answering: Answering, name: str, rc: int, problem: str
) -> None:
    found, problems = gpu.gather(host_files(""), answering({"nvidia-smi": (rc, recorded(name))}))
    assert found["gpus"] == []
    assert problems[0].startswith(problem)


def test_a_host_without_gpus_is_no_problem(host_files: Host, answering: Answering) -> None:
    found, problems = gpu.gather(host_files(""), answering({}))
    assert (found["nvidia_smi"], found["gpus"], problems) == (False, [], [])


def test_gpus_without_a_driver_are_seen_on_the_bus(host_files: Host, answering: Answering) -> None:
    found, problems = gpu.gather(host_files("roce_bond.tree"), answering({}))
    assert [gpu["lost"] for gpu in found["gpus"]] == [True, True]
    assert problems == ["2 NVIDIA GPUs are on the bus, but nvidia-smi is not installed"]
