# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which RDMA devices a server uses, looked up just before it starts: names and ports change with cards, cables and kernels."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import pathlib
import sys

NVIDIA, GPU_CLASSES = "0x10de", ("0x0300", "0x0302")
ROOT = pathlib.Path("/")


def text(path: str) -> str:
    """Return a file of the kernel, empty if it is not there."""
    try:
        return (ROOT / path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def names(path: str) -> list[str]:
    """Return the names in a directory of the kernel, in their order."""
    try:
        return sorted(entry.name for entry in (ROOT / path).iterdir())
    except OSError:
        return []


def usable(device: str, port: str) -> bool:
    """Tell whether a port carries data: it is active, has a GID in use, and on InfiniBand an address in the subnet."""
    path = f"sys/class/infiniband/{device}/ports/{port}"
    if "ACTIVE" not in text(f"{path}/state"):
        return False
    if text(f"{path}/link_layer") != "Ethernet" and int(text(f"{path}/lid") or "0", 16) == 0:
        return False
    used = [name for name in names(f"{path}/gids") if text(f"{path}/gid_attrs/types/{name}")]
    return any(text(f"{path}/gids/{name}").strip("0:") for name in used)


def ports(patterns: list[str]) -> dict[str, list[str]]:
    """Return device -> usable ports, of the devices whose names match; without patterns of all."""
    found = {}
    for device in names("sys/class/infiniband"):
        if not patterns or any(fnmatch.fnmatch(device, pattern) for pattern in patterns):
            working = [port for port in names(f"sys/class/infiniband/{device}/ports") if usable(device, port)]
            if working:
                found[device] = working
    return found


def place(path: str) -> tuple[list[str], str]:
    """Return the bridges above a PCI device, the host bridge first, and its NUMA node."""
    parts = os.path.realpath(ROOT / path).split("/")
    start = next((number for number, part in enumerate(parts) if part.startswith("pci") and ":" in part), len(parts))
    return parts[start:-1], text(f"{path}/numa_node")


def gpus() -> list[str]:
    """Return the PCI addresses of NVIDIA's GPUs in their order, which is that of their numbers."""
    path = "sys/bus/pci/devices"
    return [
        name
        for name in names(path)
        if text(f"{path}/{name}/vendor") == NVIDIA and text(f"{path}/{name}/class")[:6] in GPU_CLASSES
    ]


def distance(one: str, other: str) -> int:
    """Return how far two PCI devices are from each other, 0 behind one switch, 4 on different NUMA nodes."""
    (left, left_node), (right, right_node) = place(one), place(other)
    shared = next(
        (number for number, pair in enumerate(zip(left, right)) if pair[0] != pair[1]), min(len(left), len(right))
    )
    if shared > 1:
        return 0 if max(len(left), len(right)) - shared <= 1 else 1
    if shared == 1:
        return 2
    return 3 if left_node == right_node and left_node not in ("", "-1") else 4


def nearest(devices: list[str]) -> dict[int, str]:
    """Return number of a GPU -> its device; GPUs that have the same devices near take turns."""
    found: dict[int, str] = {}
    turns: dict[tuple[str, ...], int] = {}
    for number, gpu in enumerate(gpus()):
        far = {name: distance(f"sys/bus/pci/devices/{gpu}", f"sys/class/infiniband/{name}/device") for name in devices}
        near = tuple(name for name in devices if far[name] == min(far.values()))
        turn = turns.get(near, 0)
        found[number] = near[turn % len(near)]
        turns[near] = turn + 1
    return found


def environment(chosen: list[str], working: dict[str, list[str]], environ: dict[str, str]) -> str:
    """Return the lines of rdma.env, only what the unit does not set itself."""
    if not chosen or "NCCL_IB_HCA" in environ:
        return ""
    words = ",".join(f"{device}:{port}" for device in chosen for port in working[device])
    # Without the equals sign, mlx5_1 would also be mlx5_10.
    return f'NCCL_IB_HCA="={words}"\n'


def main() -> int:
    """Write rdma.env and a mapping of GPUs to devices; refuse where --disaggregation-ib-device needs one and there is no device."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpus", required=True, help="numbers of the server's GPUs, such as 0,1")
    parser.add_argument("--required", action="store_true", help="refuse where there is no device")
    parser.add_argument("patterns", nargs="*", help="names of the devices that may be used")
    args = parser.parse_args()
    working = ports(args.patterns)
    mapping = nearest(list(working)) if working else {}
    chosen = list(dict.fromkeys(mapping[int(gpu)] for gpu in args.gpus.split(",") if int(gpu) in mapping))
    if args.required and not chosen:
        seen = f"of its RDMA devices ({', '.join(names('sys/class/infiniband')) or 'none'}) none that may be used is active and near a GPU"
        print(f"refused: {seen}; see ibstat, correct rdma_devices, or choose mooncake_tcp", file=sys.stderr, flush=True)
        return 1
    directory = pathlib.Path(os.environ["RUNTIME_DIRECTORY"])
    (directory / "rdma.env").write_text(environment(chosen, working, dict(os.environ)), encoding="utf-8")
    (directory / "ib_devices.json").write_text(
        json.dumps({str(gpu): device for gpu, device in mapping.items()}) + "\n", encoding="utf-8"
    )
    print(f"RDMA devices near its GPUs: {', '.join(chosen) or 'none'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
