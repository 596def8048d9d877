# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's driver: kernel module, libraries, services, and its support of RDMA. PRIVATE to the collection."""

from __future__ import annotations

import glob
import os
import re
from typing import Any

from .._base.host import Commands, Root, in_time, together
from .._base.systemd import parse_show

VERSION = re.compile(r"\b\d{3,}\.\d+(?:\.\d+)?\b")
LIBRARIES = ("/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib", "/usr/lib/wsl/lib")
PEERMEM_MODULES = ("nvidia_peermem", "nv_peer_mem")
SERVICES = {"fabric_manager": "nvidia-fabricmanager", "persistenced": "nvidia-persistenced"}
# The kernel offers DMA-BUF to RDMA since 5.12, and only the open kernel modules use it.
DMABUF_KERNEL = (5, 12)


def parse_module_version(text: str) -> tuple[str | None, bool | None]:
    """Return version and whether it is the open module, from /proc/driver/nvidia/version."""
    line = next((line for line in text.splitlines() if "NVRM version" in line), "")
    match = VERSION.search(line)
    return (match.group(0), "Open Kernel Module" in line) if match else (None, None)


def parse_library_version(names: list[str]) -> str | None:
    """Return the version in file names such as libnvidia-ml.so.550.54.15."""
    found = [match.group(0) for match in map(VERSION.search, names) if match]
    return found[0] if found else None


def parse_params(text: str) -> dict[str, str]:
    """Return the parameters of the kernel module, from /proc/driver/nvidia/params."""
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name.strip(): value.strip().strip('"') for name, colon, value in pairs if colon}


def kernel_number(release: str) -> tuple[int, ...]:
    """5.15.0-105-generic -> (5, 15)."""
    match = re.match(r"(\d+)\.(\d+)", release)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def libraries(root: Root) -> list[str]:
    """Return the names of the driver's management library with its version."""
    paths = [path for folder in LIBRARIES for path in glob.glob(f"{root.path(folder)}/libnvidia-ml.so.*")]
    return sorted({os.path.basename(path) for path in paths if not os.path.islink(path)})


def tool_version(commands: Commands) -> str | None:
    """Return the version of nvidia-smi, which comes with the libraries that it has loaded."""
    output = commands.output(["nvidia-smi", "--version"])
    match = VERSION.search(output.out) if output and output.ok else None
    return match.group(0) if match else None


def services(commands: Commands) -> dict[str, dict[str, str]]:
    """Return the states of the driver's services, and whether they are enabled."""
    words = [
        "systemctl",
        "show",
        "--property=Id,ActiveState,UnitFileState,LoadState",
        *(f"{unit}.service" for unit in SERVICES.values()),
    ]
    output = in_time(commands.output(words), "systemctl show", commands.seconds)
    shown = parse_show(output.out) if output and output.ok else {}
    return {
        name: {
            "state": shown.get(unit, {}).get("ActiveState", "unknown"),
            "enabled": shown.get(unit, {}).get("UnitFileState", ""),
        }
        for name, unit in SERVICES.items()
        if shown.get(unit, {}).get("LoadState", "not-found") != "not-found"
    }


def gather(root: Root, commands: Commands) -> tuple[dict[str, Any], list[str]]:
    """Return everything about the driver, and what could not be gathered."""
    loaded, is_open = parse_module_version(root.text("/proc/driver/nvidia/version"))
    installed, manager = together(commands, [["modinfo", "-F", "version", "nvidia"], ["nv-fabricmanager", "--version"]])
    # What depends on it is installed where it is absent.
    manager = in_time(manager, "nv-fabricmanager --version", commands.seconds)
    params = parse_params(root.text("/proc/driver/nvidia/params"))
    manager_version = VERSION.search(manager.out) if manager else None
    peermem = next((name for name in PEERMEM_MODULES if root.exists(f"/sys/module/{name}")), None)
    # Images and cloud machines keep them elsewhere, where only the linker's configuration leads to.
    userspace = parse_library_version(libraries(root)) or (tool_version(commands) if loaded else None)
    found: dict[str, Any] = {
        "kernel_module": loaded,
        "open": is_open,
        "installed_module": installed.out.strip() or None if installed and installed.ok else None,
        "userspace": userspace,
        "consistent": loaded == userspace if loaded and userspace else None,
        "fabric_manager_version": manager_version.group(0) if manager_version else None,
        "services": services(commands),
        "peermem": peermem,
        "dmabuf": bool(is_open) and kernel_number(root.text("/proc/sys/kernel/osrelease")) >= DMABUF_KERNEL,
        "stream_memops": params.get("EnableStreamMemOPs") == "1",
        "peer_mapping_override": "PeerMappingOverride=1" in params.get("RegistryDwords", ""),
    }
    return found, []
