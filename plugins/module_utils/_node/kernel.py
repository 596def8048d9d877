# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel, CPUs, memory, limits and settings of a host. PRIVATE to the collection."""

from __future__ import annotations

import os
import platform
import re
import resource
from collections import Counter
from typing import Any

from .._base.host import Commands, Root

# Sysctls that matter to multi-node serving and to large models.
SYSCTLS = (
    "fs.aio-max-nr", "fs.file-max", "fs.nr_open", "kernel.numa_balancing", "kernel.pid_max", "kernel.shmall",
    "kernel.shmmax", "kernel.threads-max", "net.core.netdev_max_backlog", "net.core.rmem_max", "net.core.somaxconn",
    "net.core.wmem_max", "net.ipv4.conf.all.arp_announce", "net.ipv4.conf.all.arp_ignore",
    "net.ipv4.conf.all.rp_filter", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_mtu_probing", "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_wmem", "vm.max_map_count", "vm.overcommit_memory",
    "vm.swappiness", "vm.zone_reclaim_mode",
)  # fmt: skip
MODULES = (
    "nvidia",
    "nvidia_uvm",
    "nvidia_peermem",
    "nv_peer_mem",
    "gdrdrv",
    "ib_core",
    "ib_uverbs",
    "mlx5_core",
    "mlx5_ib",
    "rdma_rxe",
)
CPU = "/sys/devices/system/cpu"
NODE = "/sys/devices/system/node"


def sysctl_path(key: str) -> str:
    """Return the file of a sysctl. In a key with slashes, a dot is a part of a name: net/ipv4/conf/eth0.100/mtu."""
    return "/proc/sys/" + (key if "/" in key else key.replace(".", "/"))


def parse_meminfo(text: str) -> dict[str, int]:
    """Return the fields of /proc/meminfo in KiB, or as a count."""
    return {name: int(value) for name, value in re.findall(r"^(\S+):\s+(\d+)", text, re.MULTILINE)}


def parse_os_release(text: str) -> dict[str, str]:
    """Return the fields of /etc/os-release."""
    return {name: value.strip("\"'") for name, value in re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE)}


def chosen(text: str) -> str | None:
    """Return the word in brackets of a file such as transparent_hugepage/enabled."""
    match = re.search(r"\[(\w+)\]", text)
    return match.group(1) if match else None


def parse_manager(text: str) -> dict[str, str]:
    """Return the properties in an answer of 'systemctl show'."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def limit_text(value: int) -> str:
    """Return a limit as systemd and ulimit write it."""
    return "unlimited" if value == resource.RLIM_INFINITY else str(value)


def numa(root: Root) -> list[dict[str, Any]]:
    """Return the NUMA nodes with their CPUs and memory."""
    found = []
    for name in root.names(NODE):
        if re.fullmatch(r"node\d+", name):
            total = re.search(r"MemTotal:\s+(\d+)", root.text(f"{NODE}/{name}/meminfo"))
            memory = int(total.group(1)) // 1024 if total else None
            found.append({"node": int(name[4:]), "cpus": root.text(f"{NODE}/{name}/cpulist"), "memory_mib": memory})
    return found


def governors(root: Root) -> dict[str, int]:
    """Return governor -> number of CPUs that use it; empty if there is none, as in a virtual machine."""
    names = [name for name in root.names(CPU) if re.fullmatch(r"cpu\d+", name)]
    return dict(Counter(filter(None, (root.text(f"{CPU}/{name}/cpufreq/scaling_governor") for name in names))))


def limits(commands: Commands) -> dict[str, dict[str, str]]:
    """Return the limits of a login of this module's user, and the defaults of services."""
    login = {"memlock": resource.RLIMIT_MEMLOCK, "nofile": resource.RLIMIT_NOFILE}
    output = commands.output(["systemctl", "show", "--property=DefaultLimitMEMLOCK,DefaultLimitNOFILE"])
    manager = parse_manager(output.out) if output and output.ok else {}
    return {
        "login": {name: limit_text(resource.getrlimit(kind)[1]) for name, kind in login.items()},
        "services": {
            name: manager.get(f"DefaultLimit{name.upper()}", "").replace("infinity", "unlimited") for name in login
        },
    }


def shm(root: Root) -> dict[str, int] | None:
    """Return the size of /dev/shm, which NCCL and SGLang use."""
    try:
        status = os.statvfs(root.path("/dev/shm"))
    except OSError:
        return None
    return {"size_mib": status.f_blocks * status.f_frsize >> 20, "free_mib": status.f_bavail * status.f_frsize >> 20}


def ports(root: Root) -> dict[str, Any]:
    """Return the ephemeral ports, and the reserved ones."""
    first = root.text("/proc/sys/net/ipv4/ip_local_port_range").split()
    return {"ephemeral": "-".join(first) or None, "reserved": root.text("/proc/sys/net/ipv4/ip_local_reserved_ports")}


def gather(root: Root, commands: Commands) -> tuple[dict[str, Any], list[str]]:
    """Return the section kernel."""
    memory = parse_meminfo(root.text("/proc/meminfo"))
    system = parse_os_release(root.text("/etc/os-release"))
    return {
        "release": root.text("/proc/sys/kernel/osrelease"),
        "cmdline": root.text("/proc/cmdline"),
        "machine": platform.machine(),
        "os": {"id": system.get("ID"), "version": system.get("VERSION_ID")},
        "container": root.text("/run/systemd/container") or ("docker" if root.exists("/.dockerenv") else None),
        "modules": {
            name: root.text(f"/sys/module/{name}/version") for name in MODULES if root.exists(f"/sys/module/{name}")
        },
        "cpus": os.cpu_count(),
        "numa": numa(root),
        "governors": governors(root),
        "memory_mib": memory.get("MemTotal", 0) // 1024,
        "available_mib": memory.get("MemAvailable", 0) // 1024,
        "swap_mib": memory.get("SwapTotal", 0) // 1024,
        "hugepages": {
            "total": memory.get("HugePages_Total", 0),
            "free": memory.get("HugePages_Free", 0),
            "size_kib": memory.get("Hugepagesize", 0),
        },
        "transparent_hugepages": chosen(root.text("/sys/kernel/mm/transparent_hugepage/enabled")),
        "shm": shm(root),
        "limits": limits(commands),
        "ports": ports(root),
        "sysctls": {
            key: " ".join(text.split())
            for key, text in ((key, root.read(sysctl_path(key))) for key in SYSCTLS)
            if text is not None
        },
    }, []
