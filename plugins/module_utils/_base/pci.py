# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where PCI devices are: which are NVIDIA's, and how near two of them are to each other."""

from __future__ import annotations

from dataclasses import dataclass

from .host import Root

NVIDIA = "0x10de"
# Display controllers with and without a display; NVSwitches are bridges of no standard kind.
GPU_CLASSES = ("0x0300", "0x0302")
NVSWITCH_CLASS = "0x0680"
# One directory for each GPU that NVIDIA's driver has, named after its address.
DRIVER_GPUS = "/proc/driver/nvidia/gpus"
# From near to far, with the words of nvidia-smi and NCCL.
DISTANCES = ("PIX", "PXB", "PHB", "NODE", "SYS")


@dataclass(frozen=True)
class Device:
    """A PCI device; its chain is the address of every bridge above it, the host bridge first."""

    address: str
    chain: tuple[str, ...]
    numa_node: int | None


def normal_address(text: str) -> str:
    """00000000:3B:00.0, as nvidia-smi writes it, is 0000:3b:00.0, as the kernel does."""
    domain, _unused, rest = text.strip().lower().partition(":")
    return f"{domain[-4:].rjust(4, '0')}:{rest}"


def chain_of(path: str) -> tuple[str, ...]:
    """Return the bridges in a path such as /sys/devices/pci0000:16/0000:16:01.0/0000:17:00.0, without the device."""
    parts = path.split("/")
    start = next((place for place, part in enumerate(parts) if part.startswith("pci") and ":" in part), len(parts))
    return tuple(parts[start:-1])


def device(root: Root, path: str) -> Device:
    """Return the device at a path in sysfs; one that is made of software has no address."""
    if not root.exists(path):
        return Device("", (), None)
    real = root.real(path)
    node = root.number(f"{path}/numa_node")
    # -1 is a machine with one node, or a firmware that does not say.
    return Device(real.rpartition("/")[2], chain_of(real), node if node is not None and node >= 0 else None)


def nvidia_devices(root: Root) -> tuple[list[Device], int]:
    """Return the GPUs that the bus has seen since boot, lost ones included, and the number of NVSwitches."""
    gpus, switches = [], 0
    # The addresses are hexadecimal and of one length: as text, they are in the order of the bus.
    for name in sorted(root.names("/sys/bus/pci/devices")):
        path = f"/sys/bus/pci/devices/{name}"
        if root.text(f"{path}/vendor") != NVIDIA:
            continue
        kind = root.text(f"{path}/class")[:6]
        if kind in GPU_CLASSES:
            gpus.append(device(root, path))
        switches += kind == NVSWITCH_CLASS
    return gpus, switches


def numbered_gpus(root: Root) -> list[Device]:
    """Return the GPUs in the order of their numbers in nvidia-smi, which are those of CUDA where all GPUs are alike.

    The driver counts what it has, by address: not a GPU of another driver (vfio-pci), but also one that was lost since
    it started.
    """
    gpus, _switches = nvidia_devices(root)
    driven = {normal_address(name) for name in root.names(DRIVER_GPUS)}
    return [gpu for gpu in gpus if gpu.address in driven] if driven else gpus


def distance(left: Device, right: Device) -> str:
    """Return how near two devices are, with the words of nvidia-smi topo."""
    shared = 0
    for one, other in zip(left.chain, right.chain):
        if one != other:
            break
        shared += 1
    if shared == 1:
        return "PHB"
    if shared:
        # A switch is two bridges, one above and one for each device below it: behind a single switch, at most that
        # last one differs.
        return "PIX" if max(len(left.chain), len(right.chain)) - shared <= 1 else "PXB"
    return "NODE" if left.numa_node is not None and left.numa_node == right.numa_node else "SYS"


def nearest(one: Device, others: dict[str, Device]) -> tuple[list[str], str | None]:
    """Return the names of the nearest of other devices, and how near they are."""
    ranks = {name: DISTANCES.index(distance(one, other)) for name, other in others.items()}
    if not ranks:
        return [], None
    best = min(ranks.values())
    return [name for name, rank in ranks.items() if rank == best], DISTANCES[best]
