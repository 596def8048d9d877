# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDMA devices and their ports, from sysfs."""

from __future__ import annotations

import re
from typing import Any

from .._base import pci, rdma
from .._base.host import Commands, Root
from .._base.rdma import CLASS

# GRH, UDP, BTH, XRC, atomic and ICRC headers: what the kernel takes off an Ethernet MTU before it chooses one of
# RDMA's.
ROCE_HEADERS = 96
RDMA_MTUS = (4096, 2048, 1024, 512, 256)


def parse_rate(text: str) -> float | None:
    """400 Gb/sec (4X NDR) is 400.0."""
    match = re.match(r"([\d.]+) Gb/sec", text)
    return float(match.group(1)) if match else None


def roce_mtu(netdev_mtu: int | None) -> int | None:
    """Return the RDMA MTU that a RoCE port has over an interface."""
    if netdev_mtu is None:
        return None
    return next((size for size in RDMA_MTUS if netdev_mtu - ROCE_HEADERS >= size), None)


def gid_address(gid: str) -> str | None:
    """Return the IPv4 address in a GID; 0000:...:ffff:0a00:0001 is 10.0.0.1."""
    match = re.fullmatch(r"(?:0000:){5}ffff:([0-9a-f]{4}):([0-9a-f]{4})", gid)
    if match is None:
        return None
    return ".".join(str(int(word[place : place + 2], 16)) for word in match.groups() for place in (0, 2))


def parse_active_mtus(text: str) -> dict[tuple[str, int], int]:
    """Return (device, port) -> active MTU, from ibv_devinfo: the only place that tells it for InfiniBand."""
    mtus: dict[tuple[str, int], int] = {}
    device, port = "", 0
    for line in text.splitlines():
        word, _unused, rest = (part.strip() for part in line.partition(":"))
        if word == "hca_id":
            device = rest
        elif word == "port" and rest.isdecimal():
            port = int(rest)
        elif word == "active_mtu" and re.match(r"\d+ ", rest):
            mtus[device, port] = int(rest.partition(" ")[0])
    return mtus


def gids(root: Root, path: str) -> list[dict[str, Any]]:
    """Return the GIDs of a port that are in use."""
    return [
        {
            "index": index,
            "gid": gid,
            "type": kind,
            "address": gid_address(gid),
            "netdev": root.text(f"{path}/gid_attrs/ndevs/{index}") or None,
        }
        for index, gid, kind in rdma.gids(root, path)
    ]


def port(root: Root, name: str, number: int, mtus: dict[tuple[str, int], int]) -> dict[str, Any]:
    """Return a port of a device."""
    path = f"{CLASS}/{name}/ports/{number}"
    addresses = gids(root, path)
    layer = root.text(f"{path}/link_layer")
    netdev = (
        next((gid["netdev"] for gid in addresses if gid["netdev"]), None)
        or root.text(f"{path}/gid_attrs/ndevs/0")
        or None
    )
    # Soft-RoCE names its interface in a file of the device.
    netdev = netdev or root.text(f"{CLASS}/{name}/parent") or None
    if netdev is None:
        # IPoIB: the interface below the same PCI device, of which dev_port counts from 0.
        below = root.names(f"{CLASS}/{name}/device/net")
        netdev = next(
            (link for link in below if root.number(f"/sys/class/net/{link}/dev_port") in (number - 1, None)), None
        )
    netdev_mtu = root.number(f"/sys/class/net/{netdev}/mtu") if netdev else None
    lid = rdma.parse_lid(root.text(f"{path}/lid"))
    state = rdma.parse_state(root.text(f"{path}/state"))
    return {
        "port": number,
        "state": state,
        "physical_state": rdma.parse_state(root.text(f"{path}/phys_state")),
        "link_layer": layer,
        "rate_gbps": parse_rate(root.text(f"{path}/rate")),
        "lid": lid,
        "gids": addresses,
        "netdev": netdev,
        "netdev_mtu": netdev_mtu,
        "mtu": mtus.get((name, number)) or (roce_mtu(netdev_mtu) if layer == "Ethernet" else None),
        "usable": rdma.is_usable(state, layer, lid, addresses),
    }


def gather(root: Root, commands: Commands, gpus: list[pci.Device]) -> tuple[dict[str, Any], list[str]]:
    """Return the devices, what is nearest to each GPU, and problems. gpus: in the order of their numbers."""
    names = root.names(CLASS)
    output = commands.output(["ibv_devinfo"]) if names else None
    mtus = parse_active_mtus(output.out) if output else {}
    devices, places = [], {}
    for name in names:
        place = rdma.place(root, name)
        ports = [port(root, name, int(number), mtus) for number in root.names(f"{CLASS}/{name}/ports")]
        if any(entry["usable"] for entry in ports):
            places[name] = place
        devices.append(
            {
                "name": name,
                "pci": place.address or None,
                "numa_node": place.numa_node,
                "firmware": root.text(f"{CLASS}/{name}/fw_ver") or None,
                "board": root.text(f"{CLASS}/{name}/board_id") or None,
                "ports": ports,
            }
        )
    near = {
        gpu.address: {"gpu": number, "device": one.device, "devices": list(one.devices), "distance": one.distance}
        for number, (gpu, one) in enumerate(zip(gpus, rdma.nearest(gpus, places)))
    }
    problems = [output.trouble("ibv_devinfo", commands.seconds)] if output and not output.ok else []
    return {"devices": devices, "nearest": near}, problems
