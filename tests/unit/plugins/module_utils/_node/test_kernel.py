# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the kernel, from recorded files and from this machine."""

from __future__ import annotations

import platform
import resource
from collections.abc import Callable

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._node import kernel

Host = Callable[[str], Root]
Answering = Callable[..., Commands]

TREE = """/proc/sys/kernel/osrelease = 6.8.0-85-generic
/proc/cmdline = BOOT_IMAGE=/vmlinuz ro iommu=pt
/proc/meminfo = MemTotal:       2113413520 kB
/proc/sys/net/ipv4/ip_local_port_range = 32768\t60999
/proc/sys/net/ipv4/ip_local_reserved_ports = 20000-20006,30000
/proc/sys/net/ipv4/tcp_rmem = 4096\t131072\t6291456
/proc/sys/vm/max_map_count = 1048576
/sys/kernel/mm/transparent_hugepage/enabled = always [madvise] never
/sys/devices/system/node/node0/cpulist = 0-55,112-167
/sys/devices/system/node/node0/meminfo = Node 0 MemTotal:       1056706760 kB
/sys/devices/system/node/node10/cpulist = 56
/sys/devices/system/node/possible = 0-1
/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor = performance
/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor = powersave
/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor = performance
/sys/devices/system/cpu/cpufreq/policy0/scaling_governor = performance
/sys/module/nvidia/version = 580.95.05
/sys/module/ib_core/refcnt = 3
/run/systemd/container = lxc
"""


def test_a_recorded_host(host_files: Host, answering: Answering) -> None:
    root = host_files(TREE)
    commands = answering({"systemctl show": (0, "DefaultLimitMEMLOCK=infinity\nDefaultLimitNOFILE=524288\n")})
    found, problems = kernel.gather(root, commands)
    assert problems == []
    assert found["release"] == "6.8.0-85-generic"
    assert found["numa"] == [
        {"node": 0, "cpus": "0-55,112-167", "memory_mib": 1031940},
        {"node": 10, "cpus": "56", "memory_mib": None},
    ]
    assert found["governors"] == {"performance": 2, "powersave": 1}
    assert found["memory_mib"] == 2063880
    assert found["transparent_hugepages"] == "madvise"
    assert found["ports"] == {"ephemeral": "32768-60999", "reserved": "20000-20006,30000"}
    assert found["sysctls"] == {"net.ipv4.tcp_rmem": "4096 131072 6291456", "vm.max_map_count": "1048576"}
    assert found["modules"] == {"ib_core": "", "nvidia": "580.95.05"}
    assert found["container"] == "lxc"
    assert found["limits"]["services"] == {"memlock": "unlimited", "nofile": "524288"}
    assert found["shm"] is None


def test_this_machine(answering: Answering) -> None:
    found, _unused = kernel.gather(Root(), answering({}))
    assert found["release"] == platform.release()
    assert found["memory_mib"] >= found["available_mib"] > 0
    assert found["shm"]["size_mib"] > 0
    assert "vm.max_map_count" in found["sysctls"]
    assert found["limits"]["services"] == {"memlock": "", "nofile": ""}


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.tcp_rmem", "/proc/sys/net/ipv4/tcp_rmem"),
        ("net/ipv4/conf/eth0.100/rp_filter", "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"),
    ],
)
def test_the_file_of_a_sysctl(key: str, path: str) -> None:
    assert kernel.sysctl_path(key) == path


def test_memory_and_pages() -> None:
    fields = kernel.parse_meminfo(
        "MemTotal:       24684092 kB\nHugePages_Total:     512\nHugepagesize:       2048 kB\nHugetlb: odd\n"
    )
    assert fields == {"MemTotal": 24684092, "HugePages_Total": 512, "Hugepagesize": 2048}


def test_limits_are_written_as_ulimit_does() -> None:
    assert kernel.limit_text(resource.RLIM_INFINITY) == "unlimited"
    assert kernel.limit_text(65536) == "65536"


def test_the_release_of_the_distribution() -> None:
    assert kernel.parse_os_release('ID=ubuntu\nVERSION_ID="24.04"\n# x\n') == {"ID": "ubuntu", "VERSION_ID": "24.04"}
