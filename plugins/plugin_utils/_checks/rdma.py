# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""RDMA: active ports with the rate, MTU and GIDs that they must have, and access to the memory of GPUs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

from .finding import INSTALL, USER, Finding, section

ROCE = "RoCE v2"
SUBNET_MANAGER = "check that a subnet manager runs (sudo sminfo)"
LOADING = "load the driver (sudo modprobe mlx5_ib)"
# Environment variables of NCCL, NVSHMEM, Mooncake and UCX that select a GID by its index.
GID_VARIABLES = ("NCCL_IB_GID_INDEX", "NVSHMEM_IB_GID_INDEX", "MC_GID_INDEX", "UCX_IB_GID_INDEX")
# A RoCE packet has up to 104 bytes of headers around the data that the RDMA MTU counts.
ROCE_HEADERS = 104


@dataclass(frozen=True)
class Wanted:
    """What RDMA must be like on a host."""

    required: bool = False
    devices: tuple[str, ...] = ()
    minimum_rate: float = 0
    minimum_mtu: int = 0
    peermem: bool = True


@dataclass(frozen=True)
class Port:
    """A port of a device, with its facts."""

    device: str
    board: str | None
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        """Return its name in messages and in NCCL_IB_HCA."""
        return f"{self.device}:{self.facts['port']}"


def findings(node: dict[str, Any], planned: Mapping[str, Any], wanted: Wanted) -> list[Finding]:
    """Return what is wrong with RDMA on a host; a host without RDMA is fine unless it is required."""
    every = _ports(node, wanted.devices)
    usable = [port for port in every if port.facts["usable"]]
    indexes = gid_indexes(unit["environment"] for unit in planned["units"])
    found = [*_absent(node, wanted, every)]
    for port in every:
        if port.facts["state"] != "ACTIVE":
            found += _inactive(port, usable, wanted)
        else:
            found += [*_addresses(port), *_gid_indexes(port, indexes), *_rate(port, usable, wanted)]
            found += _mtu(port, wanted)
    return [*found, *(_peermem(node, wanted) if usable else [])]


def _ports(node: dict[str, Any], patterns: Iterable[str]) -> list[Port]:
    """Return the ports of the devices whose names match; of all devices without patterns."""
    chosen = list(patterns)
    return [
        Port(device["name"], device.get("board"), port)
        for device in section(node, "rdma", {}).get("devices", [])
        for port in device["ports"]
        if not chosen or any(fnmatch(device["name"], pattern) for pattern in chosen)
    ]


def gid_indexes(environments: Iterable[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Return (variable, value) for each GID index in the environments of units, each once."""
    named = ((name, one[name]) for one in environments for name in GID_VARIABLES if name in one)
    return list(dict.fromkeys(named))


def _finding(check: str, found: str, expected: str, fix: str, fixed_by: str = USER) -> Finding:
    return Finding("rdma", check, found, expected, fix, fixed_by)


def _absent(node: dict[str, Any], wanted: Wanted, every: list[Port]) -> Iterator[Finding]:
    names = [device["name"] for device in section(node, "rdma", {}).get("devices", [])]
    for pattern in wanted.devices:
        if not any(fnmatch(name, pattern) for name in names):
            found = f"RDMA devices: {first_few(names) or 'none'}"
            fix = f"correct rdma_devices of this host, or {LOADING}"
            yield _finding("absent", found, f"{pattern} among them, see rdma_devices", fix)
    if wanted.required and not every and not wanted.devices:
        fix = f"check that the adapter is on the bus (lspci | grep -i -e mellanox -e infiniband), and {LOADING}"
        yield _finding("absent", "no RDMA device", "at least one, see rdma_required", fix)


def _inactive(port: Port, usable: list[Port], wanted: Wanted) -> list[Finding]:
    facts = port.facts
    # A port without a cable may be intended; one beside active ports of the same board is not.
    beside_active = port.board in {other.board for other in usable}
    if usable and not wanted.devices and facts["state"] == "DOWN" and not beside_active:
        return []
    found = f"RDMA port {port.name} is {facts['state']}, {facts['physical_state']}"
    if facts["state"] in ("INIT", "ARMED") and facts["link_layer"] == "InfiniBand":
        return [_finding("inactive", found, "ACTIVE", SUBNET_MANAGER)]
    # A port that polls is up and finds no partner. Drivers that do not know the difference say Disabled.
    is_off = facts["netdev"] and facts["physical_state"] != "Polling"
    up = f"set its interface up (sudo ip link set {facts['netdev']} up), and " if is_off else ""
    return [_finding("inactive", found, "ACTIVE", f"{up}check its cable and its switch port (ibstat {port.device})")]


def _addresses(port: Port) -> list[Finding]:
    facts = port.facts
    if facts["link_layer"] == "InfiniBand":
        if facts["lid"]:
            return []
        return [_finding("lid", f"RDMA port {port.name} has no LID", "one from the subnet manager", SUBNET_MANAGER)]
    if any(_is_reachable(gid) for gid in facts["gids"]):
        return []
    kinds = sorted({gid["type"] for gid in facts["gids"]})
    what = f"only GIDs of {' and '.join(kinds)} without an address" if kinds else "no GID"
    link = facts["netdev"] or "INTERFACE"
    command = f"sudo ip address add ADDRESS/PREFIX dev {link}, and in netplan"
    fix = f"give {link} its address ({command}), and let the adapter use {ROCE}"
    return [_finding("gid", f"RDMA port {port.name} has {what}", f"a GID of {ROCE} with an address", fix)]


def _is_reachable(gid: Mapping[str, Any]) -> bool:
    """Return whether other hosts can reach a GID of Ethernet."""
    return gid["type"] == ROCE and not gid["gid"].startswith("fe80")


def _gid_indexes(port: Port, indexes: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    by_index = {gid["index"]: gid for gid in port.facts["gids"]}
    ethernet = port.facts["link_layer"] == "Ethernet"
    good = [index for index, gid in by_index.items() if not ethernet or _is_reachable(gid)]
    for name, value in indexes:
        # A negative number, or a word such as auto, lets the library choose; it reads an empty value as 0.
        index = int(value or 0) if (value or "0").isdecimal() else -1
        if index < 0 or index in good or not good:
            continue
        gid = by_index.get(index)
        what = f"GID {index} of RDMA port {port.name} is {gid['type']} {gid['gid']}" if gid else ""
        found = f"{name} is {value or 'empty, which means 0'}, and "
        found += what or f"RDMA port {port.name} has no GID {index}"
        expected = f"GID {' or '.join(map(str, good))}" + (f", {ROCE} with an address" if ethernet else "")
        fix = f"unset {name}, so that the library chooses, or set it to {good[0]} in sglang_host_env of this host"
        yield _finding("gid_index", found, expected, fix)


def _rate(port: Port, usable: list[Port], wanted: Wanted) -> list[Finding]:
    rate = port.facts["rate_gbps"]
    if rate is None:
        return []
    alike = [other.facts["rate_gbps"] or 0 for other in usable if port.board and other.board == port.board]
    needed = max([wanted.minimum_rate, *alike])
    if rate >= needed:
        return []
    why = "see rdma_minimum_rate_gbps" if needed == wanted.minimum_rate else "as other ports of this board"
    tools = f"sudo mlxlink -d {port.device}, ibstat {port.device}"
    found, expected = f"RDMA port {port.name} runs at {rate:g} Gbit/s", f"{needed:g} Gbit/s, {why}"
    return [_finding("rate", found, expected, f"check its cable, transceiver and switch port ({tools})")]


def _mtu(port: Port, wanted: Wanted) -> list[Finding]:
    mtu, link = port.facts["mtu"], port.facts["netdev"]
    if mtu is None or mtu >= wanted.minimum_mtu:
        return []
    over = f" over {link} with MTU {port.facts['netdev_mtu']}" if link else ""
    needed = wanted.minimum_mtu + ROCE_HEADERS
    larger = f"set a larger MTU (sudo ip link set {link} mtu {needed}, and in netplan)"
    fix = larger if link else "set a larger MTU for its partition in the subnet manager (partitions.conf)"
    found = f"RDMA port {port.name} has RDMA MTU {mtu}{over}"
    return [_finding("mtu", found, f"at least {wanted.minimum_mtu}, see rdma_minimum_mtu", fix)]


def _peermem(node: dict[str, Any], wanted: Wanted) -> list[Finding]:
    driver = section(node, "driver", {})
    if not driver.get("kernel_module") or driver.get("peermem"):
        return []
    purpose = "so that RDMA reaches GPU memory"
    fix = "load it (sudo modprobe nvidia_peermem), or deploy with rdma_install: true, which keeps it loaded"
    if wanted.peermem:
        found = "kernel module nvidia_peermem is not loaded"
        return [_finding("peermem", found, f"a loaded module, {purpose}", fix, INSTALL)]
    if driver.get("dmabuf"):
        return []
    found, fix = "neither nvidia_peermem nor DMA-BUF is available", fix.replace("load it", "load nvidia_peermem", 1)
    return [_finding("peermem", found, f"one of them, {purpose}", fix)]
