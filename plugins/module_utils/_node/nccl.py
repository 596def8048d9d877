# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All NCCL libraries of a host, with the versions that they report themselves. PRIVATE to the collection."""

from __future__ import annotations

import glob
import json
import os
import re
from typing import Any

from .._base.host import Commands, Output, Root, together

SYSTEM = (
    "/usr/lib/*-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/local/cuda*/lib64",
    "/opt/nvidia/nccl/lib",
)
RUNTIME = (
    "lib/python3*/site-packages/nvidia/nccl/lib",
    "lib/python3*/site-packages/nvidia/cu1*/lib",
    "lib/python3*/site-packages/torch/lib",
)
NAMES = ("libnccl.so.[0-9]*", "libnccl.so")
# How units of this collection appear in /proc/PID/cgroup.
UNIT = "/sglang-"
# Loading a library runs its code, so a separate process does it.
PROGRAM = """
import ctypes, json, sys
number = ctypes.c_int()
ctypes.CDLL(sys.argv[1]).ncclGetVersion(ctypes.byref(number))
print(json.dumps(number.value))
"""


def version_text(number: int) -> str:
    """22703 -> 2.27.3. Up to 2.8, the minor version had one digit less: 2708 -> 2.7.8."""
    major, rest = divmod(number, 10000) if number >= 10000 else divmod(number, 1000)
    return f"{major}.{rest // 100}.{rest % 100}"


def mapped(text: str) -> set[str]:
    """Return the paths of NCCL libraries in a text of /proc/PID/maps."""
    return set(re.findall(r"(/\S*/libnccl\.so\S*)$", text, re.MULTILINE))


def running(root: Root) -> dict[str, list[int]]:
    """Return path -> processes of this collection's units that have loaded it."""
    found: dict[str, list[int]] = {}
    for name in root.names("/proc"):
        if name.isdecimal() and UNIT in root.text(f"/proc/{name}/cgroup"):
            for path in mapped(root.text(f"/proc/{name}/maps")):
                found.setdefault(path, []).append(int(name))
    return found


def search(root: Root, loaded: list[str], runtimes: list[str], further: list[str]) -> list[tuple[str, str]]:
    """Return (path, origin) of every library, each file once: those of runtimes, others in use, others installed."""
    patterns = [
        (f"{runtime.rstrip('/')}/{folder}/{name}", "runtime")
        for runtime in runtimes
        for folder in RUNTIME
        for name in NAMES
    ]
    patterns += [(glob.escape(path), "running") for path in loaded]
    patterns += [(path, "named") for path in further]
    patterns += [(f"{folder}/{name}", "system") for folder in SYSTEM for name in NAMES]
    found: dict[str, tuple[str, str]] = {}
    for pattern, origin in patterns:
        for path in sorted(glob.glob(root.path(pattern))):
            found.setdefault(os.path.realpath(path), (path, origin))
    return list(found.values())


def result(path: str, origin: str, output: Output | None, seconds: float) -> dict[str, Any]:
    """Return the version of a library, or why it has none."""
    entry: dict[str, Any] = {"path": path, "origin": origin, "version": None, "error": None}
    if output is not None and output.ok:
        entry["version"] = version_text(json.loads(output.out))
    elif output is not None:
        # A killed program prints nothing. timeout returns 128 + the signal, and run_command the negative signal.
        reason = output.err.strip().splitlines()[-1:] or [output.trouble("the interpreter that loaded it", seconds)]
        entry["error"] = re.sub(r"^\w+Error: ", "", reason[0])
    return entry


def gather(
    root: Root, commands: Commands, python: str, runtimes: list[str], further: list[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the section nccl, and what could not be gathered."""
    loaded = running(root)
    libraries = search(root, sorted(loaded), runtimes, further)
    # -I: ignore the environment and the working directory.
    outputs = together(commands, [[python, "-I", "-c", PROGRAM, path] for path, _origin in libraries])
    found = [result(path, origin, output, commands.seconds) for (path, origin), output in zip(libraries, outputs)]
    processes = {os.path.realpath(root.path(path)): pids for path, pids in loaded.items()}
    for entry in found:
        entry["processes"] = processes.get(os.path.realpath(entry["path"]), [])
        entry["runtime"] = next((one for one in runtimes if entry["path"].startswith(root.path(one) + "/")), None)
    return found, [f"{entry['path']} cannot be loaded: {entry['error']}" for entry in found if entry["error"]]
