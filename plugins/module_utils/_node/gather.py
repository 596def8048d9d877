# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gather all sections of the facts at once. PRIVATE to the collection."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._base import ours, pci
from .._base.host import Commands, Root, Task
from . import clock, disk, driver, files, gpu, kernel, listeners, nccl, network, rdma, runtimes

Section = Callable[[], tuple[Any, list[str]]]
SECTIONS = (
    "clock", "disks", "driver", "files", "gpu", "kernel", "listeners", "nccl", "network", "rdma", "runtimes", "units",
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What to gather."""

    sections: tuple[str, ...]
    address: str | None
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    paths: tuple[str, ...]
    files: tuple[str, ...]
    runtimes: tuple[str, ...]
    libraries: tuple[str, ...]
    python: str
    timeout: float

    @classmethod
    def from_params(cls, params: dict[str, Any], python: str) -> Wanted:
        """Return the options of the module as this type."""
        return cls(
            sections=SECTIONS if "all" in params["gather"] else tuple(params["gather"]),
            address=params["cluster_address"],
            names=tuple(params["names"]),
            addresses=tuple(params["addresses"]),
            paths=tuple(params["paths"]),
            files=tuple(params["files"]),
            runtimes=tuple(params["runtimes"]),
            libraries=tuple(params["nccl_libraries"]),
            python=python,
            timeout=params["timeout"],
        )


def sections(wanted: Wanted, root: Root, commands: Commands) -> dict[str, Section]:
    """Return the function that gathers each section."""
    return {
        "clock": lambda: clock.gather(commands),
        "disks": lambda: disk.gather(root, list(wanted.paths), wanted.timeout),
        "driver": lambda: driver.gather(root, commands),
        "files": lambda: files.gather(root, list(wanted.files), wanted.timeout),
        "gpu": lambda: gpu.gather(root, commands),
        "kernel": lambda: kernel.gather(root, commands),
        "listeners": lambda: listeners.gather(root),
        "nccl": lambda: nccl.gather(root, commands, wanted.python, list(wanted.runtimes), list(wanted.libraries)),
        "network": lambda: network.gather(root, commands, wanted.address, list(wanted.names), list(wanted.addresses)),
        "rdma": lambda: rdma.gather(root, commands, pci.numbered_gpus(root)),
        "runtimes": lambda: runtimes.gather(root, list(wanted.runtimes)),
        "units": lambda: (ours.units(root), []),
    }


def gather(wanted: Wanted, root: Root, commands: Commands) -> dict[str, Any]:
    """Return all sections, gathered in parallel."""
    every = sections(wanted, root, commands)
    tasks = {name: Task(every[name]) for name in wanted.sections}
    # Each section limits its own commands. This limits the rest, such as a driver that does not answer any more.
    deadline = time.monotonic() + 2 * wanted.timeout + 3
    node: dict[str, Any] = {"problems": [], "seconds": {}}
    for name, task in tasks.items():
        answer, trouble = task.result(deadline)
        node[name], problems = answer or (None, [trouble])
        node["problems"] += [f"{name}: {problem}" for problem in problems]
        node["seconds"][name] = round(task.seconds, 3)
    return node
