# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's driver: which version runs, and whether all of it is of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._node import driver

Recorded = Callable[[str], str]
Host = Callable[[str], Root]
Answering = Callable[..., Commands]

SYSTEMCTL = """Id=nvidia-fabricmanager.service
LoadState=loaded
ActiveState=failed
UnitFileState=enabled

Id=nvidia-persistenced.service
LoadState=not-found
ActiveState=inactive
UnitFileState=
"""


@pytest.mark.parametrize(
    ("name", "version", "is_open"),
    [
        ("proc_version_open.txt", "580.95.05", True),
        ("proc_version_proprietary.txt", "535.230.02", False),
        ("no_driver.txt", None, None),
    ],
)
def test_the_version_of_the_module(recorded: Recorded, name: str, version: str | None, is_open: bool | None) -> None:
    assert driver.parse_module_version(recorded(name)) == (version, is_open)


def test_the_parameters_of_the_module(recorded: Recorded) -> None:
    params = driver.parse_params(recorded("proc_params.txt"))
    assert params["EnableStreamMemOPs"] == "1"
    assert params["RegistryDwords"] == "PeerMappingOverride=1;"


@pytest.mark.parametrize(("release", "number"), [("5.15.0-105-generic", (5, 15)), ("6.8.0", (6, 8)), ("odd", (0, 0))])
def test_the_number_of_a_kernel(release: str, number: tuple[int, int]) -> None:
    assert driver.kernel_number(release) == number


def install(host_files: Host, recorded: Recorded, library: str, more: str = "") -> Root:
    """Make a host with a driver and a library of some version."""
    root = host_files(
        "/proc/sys/kernel/osrelease = 5.15.0-105-generic\n"
        f"/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.{library} =\n{more}"
    )
    Path(root.path("/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1")).symlink_to(f"libnvidia-ml.so.{library}")
    place = Path(root.path("/proc/driver/nvidia"))
    place.mkdir(parents=True)
    (place / "version").write_text(recorded("proc_version_open.txt"))
    (place / "params").write_text(recorded("proc_params.txt"))
    return root


def test_a_whole_driver(host_files: Host, recorded: Recorded, answering: Answering) -> None:
    root = install(host_files, recorded, "580.95.05", "/sys/module/nvidia_peermem/version = 580.95.05\n")
    commands = answering(
        {
            "modinfo": (0, "580.95.05\n"),
            "nv-fabricmanager": (0, "Fabric Manager version is : 580.95.05\n"),
            "systemctl show": (0, SYSTEMCTL),
        }
    )
    found, problems = driver.gather(root, commands)
    assert problems == []
    assert found == {
        "kernel_module": "580.95.05", "open": True, "installed_module": "580.95.05", "userspace": "580.95.05",
        "consistent": True,
        "fabric_manager_version": "580.95.05",
        "services": {"fabric_manager": {"state": "failed", "enabled": "enabled"}},
        "peermem": "nvidia_peermem", "dmabuf": True, "stream_memops": True, "peer_mapping_override": True,
    }  # fmt: skip


@pytest.mark.parametrize("silent", ["nv-fabricmanager", "systemctl show"])
def test_a_command_that_does_not_answer_in_time_makes_nothing_absent(
    host_files: Host, recorded: Recorded, answering: Answering, silent: str
) -> None:
    answers = {"modinfo": (0, "580.95.05\n"), "nv-fabricmanager": (0, "580.95.05"), "systemctl show": (0, SYSTEMCTL)}
    root = install(host_files, recorded, "580.95.05")
    with pytest.raises(ValueError, match=f"{silent}.* did not answer within 5 s"):
        driver.gather(root, answering({**answers, silent: (124, "")}))


def test_a_library_that_an_upgrade_left_ahead_of_the_module(
    host_files: Host, recorded: Recorded, answering: Answering
) -> None:
    found, _unused = driver.gather(
        install(host_files, recorded, "580.105.08"), answering({"modinfo": (0, "580.105.08\n")})
    )
    assert (found["kernel_module"], found["userspace"], found["installed_module"]) == (
        "580.95.05",
        "580.105.08",
        "580.105.08",
    )
    assert found["consistent"] is False


def test_libraries_where_only_the_linker_finds_them(host_files: Host, recorded: Recorded, answering: Answering) -> None:
    root = host_files(
        "/proc/sys/kernel/osrelease = 6.18.44\n"
        "/proc/driver/nvidia/version = NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04\n"
        "/usr/local/nvidia/lib64/libnvidia-ml.so.580.159.04 =\n"
    )
    answers = {"modinfo": (1, ""), "nvidia-smi --version": (0, recorded("nvidia_smi_version.txt"))}
    found, _unused = driver.gather(root, answering(answers))
    assert (found["kernel_module"], found["userspace"], found["consistent"]) == ("580.159.04", "580.159.04", True)


def test_no_driver(host_files: Host, answering: Answering) -> None:
    found, _unused = driver.gather(
        host_files("/proc/sys/kernel/osrelease = 6.8.0-85-generic\n"), answering({"modinfo": (1, "")})
    )
    assert {name for name, value in found.items() if value} == set()
