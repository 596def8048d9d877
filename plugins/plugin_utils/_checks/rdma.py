# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""RDMA: ports that carry data, at the rate, MTU and with the GIDs that they must have, and the way to the memory of the GPUs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from .finding import Finding, section, short

ROCE = "RoCE v2"
SUBNET_MANAGER = "see that a subnet manager runs (sudo sminfo)"
# Environment variables that name a GID by its index: of NCCL, NVSHMEM, Mooncake and UCX.
GID_VARIABLES = ("NCCL_IB_GID_INDEX", "NVSHMEM_IB_GID_INDEX", "MC_GID_INDEX", "UCX_IB_GID_INDEX")


@dataclass(frozen=True)
class Wanted:
    """What RDMA must be like on a host."""

    required: bool = False
    devices: tuple[str, ...] = ()
    minimum_rate: float = 0
    minimum_mtu: int = 0
    peermem: bool = True
    gid_indexes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Port:
    """A port of a device."""

    device: str
    board: str | None
    told: dict[str, Any]

    @property
    def name(self) -> str:
        """Return how tools call it."""
        return f"{self.device}:{self.told['port']}"


def ports(node: dict[str, Any], patterns: Iterable[str]) -> list[Port]:
    """Return the ports of the devices whose names match, of all devices without patterns."""
    chosen = list(patterns)
    return [
        Port(device["name"], device.get("board"), port)
        for device in section(node, "rdma", {}).get("devices", [])
        for port in device["ports"]
        if not chosen or any(fnmatch(device["name"], pattern) for pattern in chosen)
    ]


def gid_indexes(environments: Iterable[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return (variable, value) of all that name a GID by its index in the environments of units, each once."""
    return tuple(
        dict.fromkeys(
            (name, environment[name]) for environment in environments for name in GID_VARIABLES if name in environment
        )
    )


def findings(node: dict[str, Any], wanted: Wanted) -> list[Finding]:
    """Return what is wrong with RDMA on a host; a host without RDMA is right where nobody asks for it."""
    every = ports(node, wanted.devices)
    usable = [port for port in every if port.told["usable"]]
    found = [*_absent(node, wanted, every)]
    for port in every:
        found += _port(port, usable, wanted)
    return [*found, *(_peermem(node, wanted) if usable else [])]


def _absent(node: dict[str, Any], wanted: Wanted, every: list[Port]) -> Iterator[Finding]:
    names = [device["name"] for device in section(node, "rdma", {}).get("devices", [])]
    for pattern in wanted.devices:
        if not any(fnmatch(name, pattern) for name in names):
            seen = f"no RDMA device is called {pattern} (there {'are ' + short(names) if names else 'is none'})"
            yield Finding(
                "absent", seen, "it", "correct rdma_devices for this host, or load its driver (sudo modprobe mlx5_ib)"
            )
    if wanted.required and not every and not wanted.devices:
        remedy = "see that the adapter is on the bus (lspci | grep -i -e mellanox -e infiniband) and load its driver (sudo modprobe mlx5_ib)"
        yield Finding("absent", "there is no RDMA device", "at least one (rdma_required)", remedy)


def _port(port: Port, usable: list[Port], wanted: Wanted) -> list[Finding]:
    if port.told["state"] != "ACTIVE":
        return _inactive(port, usable, wanted)
    return [*_addresses(port), *_chosen_gids(port, wanted), *_rate(port, usable, wanted), *_mtu(port, wanted)]


def _inactive(port: Port, usable: list[Port], wanted: Wanted) -> list[Finding]:
    told = port.told
    # A port without a cable may be meant so; one beside ports of the same board that carry data is not.
    meant = (
        usable
        and not wanted.devices
        and told["state"] == "DOWN"
        and port.board not in {other.board for other in usable}
    )
    if meant:
        return []
    seen = f"port {port.name} is {told['state']} ({told['physical_state']})"
    if told["state"] in ("INIT", "ARMED") and told["link_layer"] == "InfiniBand":
        return [Finding("inactive", seen, "ACTIVE", SUBNET_MANAGER)]
    # A port that is polling is switched on and finds nobody at the other end; drivers that do not know the difference say Disabled.
    off = told["netdev"] and told["physical_state"] != "Polling"
    up = f"set its interface up (sudo ip link set {told['netdev']} up) and " if off else ""
    return [Finding("inactive", seen, "ACTIVE", f"{up}see its cable and the port of the switch (ibstat {port.device})")]


def _addresses(port: Port) -> list[Finding]:
    told = port.told
    if told["link_layer"] == "InfiniBand":
        if told["lid"]:
            return []
        return [Finding("lid", f"port {port.name} has no LID", "one from the subnet manager", SUBNET_MANAGER)]
    if any(_reaches(gid) for gid in told["gids"]):
        return []
    kinds = sorted({gid["type"] for gid in told["gids"]})
    seen = (
        f"port {port.name} has {'only GIDs of ' + ' and '.join(kinds) + ' without an address' if kinds else 'no GID'}"
    )
    link = told["netdev"] or "its interface"
    remedy = f"give {link} its address (sudo ip address add ADDRESS/PREFIX dev {link}, and in netplan), and let the adapter use RoCE v2"
    return [Finding("gid", seen, f"a GID of {ROCE} with an address", remedy)]


def _reaches(gid: Mapping[str, Any]) -> bool:
    """Tell whether a GID of Ethernet has an address that other hosts reach."""
    return gid["type"] == ROCE and not gid["gid"].startswith("fe80")


def _chosen_gids(port: Port, wanted: Wanted) -> Iterator[Finding]:
    by_index = {gid["index"]: gid for gid in port.told["gids"]}
    ethernet = port.told["link_layer"] == "Ethernet"
    right = [index for index, gid in by_index.items() if not ethernet or _reaches(gid)]
    for name, value in wanted.gid_indexes:
        # Below 0, or a word such as auto, lets the library choose; an empty one is 0 to it.
        index = int(value or 0) if (value or "0").isdecimal() else -1
        if index < 0 or index in right or not right:
            continue
        gid = by_index.get(index)
        is_there = f"is {gid['type']} {gid['gid']}" if gid else "is not there"
        needed = f"GID {' or '.join(map(str, right))}" + (f", {ROCE} with an address," if ethernet else "")
        remedy = (
            f"leave {name} unset, so that the library chooses, or set it to {right[0]} in sglang_host_env of this host"
        )
        yield Finding(
            "gid_index",
            f"{name} is {value or 'empty, which is 0'}, and GID {index} of port {port.name} {is_there}",
            needed,
            remedy,
        )


def _rate(port: Port, usable: list[Port], wanted: Wanted) -> list[Finding]:
    rate = port.told["rate_gbps"]
    if rate is None:
        return []
    alike = [other.told["rate_gbps"] or 0 for other in usable if port.board and other.board == port.board]
    needed = max([wanted.minimum_rate, *alike])
    if rate >= needed:
        return []
    why = "rdma_minimum_rate_gbps" if needed == wanted.minimum_rate else "as other ports of this board"
    remedy = f"see its cable, its transceiver and the port of the switch (sudo mlxlink -d {port.device}, ibstat {port.device})"
    return [Finding("rate", f"port {port.name} runs at {rate:g} Gbit/s", f"{needed:g} Gbit/s ({why})", remedy)]


def _mtu(port: Port, wanted: Wanted) -> list[Finding]:
    mtu, link = port.told["mtu"], port.told["netdev"]
    if mtu is None or mtu >= wanted.minimum_mtu:
        return []
    seen = f"port {port.name} has an RDMA MTU of {mtu}" + (
        f" over {link} with {port.told['netdev_mtu']}" if link else ""
    )
    remedy = (
        f"set a larger one (sudo ip link set {link} mtu {wanted.minimum_mtu + 104}, and in netplan)"
        if link
        else SUBNET_MANAGER
    )
    return [Finding("mtu", seen, f"{wanted.minimum_mtu} (rdma_minimum_mtu)", remedy)]


def _peermem(node: dict[str, Any], wanted: Wanted) -> list[Finding]:
    driver = section(node, "driver", {})
    if not driver.get("kernel_module") or driver.get("peermem"):
        return []
    remedy = (
        "load it (sudo modprobe nvidia_peermem), or deploy with rdma_install: true, which also keeps it over restarts"
    )
    if wanted.peermem:
        return [
            Finding(
                "peermem",
                "nvidia_peermem is not loaded",
                "it, so that RDMA reaches the memory of the GPUs",
                remedy,
                "install",
            )
        ]
    if driver.get("dmabuf"):
        return []
    return [
        Finding(
            "peermem",
            "there is neither nvidia_peermem nor DMA-BUF",
            "one, so that RDMA reaches the memory of the GPUs",
            remedy,
        )
    ]


def devices(node: dict[str, Any], patterns: Iterable[str]) -> dict[str, Any]:
    """Return the device of each GPU, and what NCCL, UCX and SGLang are told of it; empty texts where there is none."""
    usable: dict[str, list[Port]] = {}
    for port in ports(node, patterns):
        if port.told["usable"]:
            usable.setdefault(port.device, []).append(port)
    nearest = section(node, "rdma", {}).get("nearest", {})
    by_gpu: dict[str, list[str]] = {}
    sharing: dict[tuple[str, ...], int] = {}
    for gpu in section(node, "gpu", {}).get("gpus", []):
        near = tuple(name for name in nearest.get(gpu["pci"], {}).get("devices", []) if name in usable)
        if gpu["index"] is not None and near:
            # GPUs that have the same devices near take turns, so that each has one of its own as long as there are enough.
            by_gpu[str(gpu["index"])] = [near[sharing.get(near, 0) % len(near)]]
            sharing[near] = sharing.get(near, 0) + 1
    names = list(dict.fromkeys(name for found in by_gpu.values() for name in found)) or list(usable)
    words = [port.name for name in names for port in usable[name]]
    return {
        "by_gpu": {gpu: ",".join(found) for gpu, found in by_gpu.items()},
        "ib_device": ",".join(names),
        # Without the equals sign, mlx5_1 would also be mlx5_10.
        "nccl_ib_hca": f"={','.join(words)}" if words else "",
        "ucx_net_devices": ",".join(words),
    }
