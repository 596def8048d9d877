# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDMA devices: which ports carry data, and which device is nearest to each GPU.

node_info reports this and the servers' units use it, so both name the same device.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass

from . import pci
from .host import Root

CLASS = "/sys/class/infiniband"


@dataclass(frozen=True)
class Nearest:
    """What is near to one GPU. devices: all that are equally near; device: the one that this GPU uses."""

    devices: tuple[str, ...] = ()
    distance: str | None = None
    device: str | None = None


def parse_state(text: str) -> str:
    """4: ACTIVE is ACTIVE."""
    return text.rpartition(": ")[2]


def parse_lid(text: str) -> int | None:
    """0x1f is 31."""
    return int(text, 16) if re.fullmatch(r"0x[0-9a-fA-F]+", text) else None


def gids(root: Root, path: str) -> list[tuple[int, str, str]]:
    """Return index, GID and type of the GIDs of a port that are in use."""
    found = []
    for name in root.names(f"{path}/gids"):
        gid = root.text(f"{path}/gids/{name}")
        # A table has up to 1024 entries. One without a type is not in use, whatever it holds.
        kind = root.text(f"{path}/gid_attrs/types/{name}") if gid.strip("0:") else ""
        if kind:
            found.append((int(name), gid, kind))
    return found


def is_usable(state: str, link_layer: str, lid: int | None, used: Sized) -> bool:
    """Return whether a port carries data. used: its GIDs in use."""
    # A port of InfiniBand without a LID is not in the subnet: connections fail after they seem to be made.
    return state == "ACTIVE" and (link_layer == "Ethernet" or bool(lid)) and len(used) > 0


def usable_ports(root: Root, patterns: Sequence[str] = ()) -> dict[str, list[int]]:
    """Return device -> its usable ports, of the devices whose names match; of all without patterns."""
    found = {}
    for device in root.names(CLASS):
        if patterns and not any(fnmatch.fnmatch(device, pattern) for pattern in patterns):
            continue
        ports = [int(name) for name in root.names(f"{CLASS}/{device}/ports") if _usable(root, device, name)]
        if ports:
            found[device] = ports
    return found


def _usable(root: Root, device: str, port: str) -> bool:
    path = f"{CLASS}/{device}/ports/{port}"
    state, lid = parse_state(root.text(f"{path}/state")), parse_lid(root.text(f"{path}/lid"))
    return is_usable(state, root.text(f"{path}/link_layer"), lid, gids(root, path))


def place(root: Root, device: str) -> pci.Device:
    """Return where a device is on the PCI bus."""
    return pci.device(root, f"{CLASS}/{device}/device")


def nearest(gpus: Iterable[pci.Device], places: Mapping[str, pci.Device]) -> list[Nearest]:
    """Return what is nearest to each GPU. places: device -> where it is, in the order in which devices are chosen.

    GPUs with the same devices near take turns, so that each has a device of its own as long as there are enough.
    """
    turns: dict[tuple[str, ...], int] = {}
    found = []
    for gpu in gpus:
        names, distance = pci.nearest(gpu, dict(places))
        near = tuple(names)
        turn = turns.get(near, 0)
        turns[near] = turn + 1
        found.append(Nearest(near, distance, near[turn % len(near)] if near else None))
    return found
