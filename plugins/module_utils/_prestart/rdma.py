# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which RDMA devices a server uses. Names and ports change with cards, cables and kernels."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
from collections.abc import Iterable, Mapping

from .._base import pci, rdma
from .._base.host import Root
from .._base.text import first_few
from . import Refusal


def devices(root: Root, working: Iterable[str]) -> dict[int, str]:
    """Return number of a GPU -> its device."""
    gpus = pci.numbered_gpus(root)
    chosen = rdma.nearest(gpus, {name: rdma.place(root, name) for name in working})
    return {number: one.device for number, one in enumerate(chosen) if one.device}


def environment(chosen: Iterable[str], ports: Mapping[str, list[int]], environ: Mapping[str, str]) -> str:
    """Return the lines of rdma.env, only what the unit does not set itself."""
    names = ",".join(f"{device}:{port}" for device in chosen for port in ports[device])
    # Without the equals sign, mlx5_1 would also be mlx5_10.
    return f'NCCL_IB_HCA="={names}"\n' if names and "NCCL_IB_HCA" not in environ else ""


def look(args: argparse.Namespace, root: Root, environ: Mapping[str, str]) -> list[str]:
    """Write rdma.env and, where a file is given, the device of each GPU; return the devices of this server's GPUs."""
    ports = rdma.usable_ports(root, args.patterns)
    by_gpu = devices(root, ports)
    gpus = [int(gpu) for gpu in args.gpus.split(",")]
    chosen = list(dict.fromkeys(by_gpu[gpu] for gpu in gpus if gpu in by_gpu))
    if args.devices_file and not chosen:
        present = first_few(root.names(rdma.CLASS)) or "none"
        raise Refusal(
            f"no usable RDMA device is near its GPUs (this host has: {present}); "
            "see ibstat, correct rdma_devices, or set disaggregation_transfer_backend: mooncake_tcp"
        )
    text = environment(chosen, ports, environ)
    pathlib.Path(environ["RUNTIME_DIRECTORY"], "rdma.env").write_text(text, encoding="utf-8")
    if args.devices_file:
        # SGLang counts the GPUs that it sees.
        seen = dict(enumerate(gpus)) if "CUDA_VISIBLE_DEVICES" in environ else {gpu: gpu for gpu in by_gpu}
        numbered = {number: by_gpu[gpu] for number, gpu in seen.items() if gpu in by_gpu}
        pathlib.Path(args.devices_file).write_text(json.dumps(numbered) + "\n", encoding="utf-8")
    return chosen


def check(args: argparse.Namespace) -> None:
    """Look the devices up on this host."""
    chosen = look(args, Root(), os.environ)
    sys.stdout.write(f"RDMA devices near its GPUs: {', '.join(chosen) or 'none'}\n")
