# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces and addresses of a host, and how it resolves names. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import socket
import time
from typing import Any

from .._base.host import Commands, Root, Task

# Interfaces of containers and virtual machines, which other hosts cannot reach.
CONTAINER_NAMES = re.compile(
    r"(docker|podman|virbr|cni|lxcbr|lxdbr|incusbr|flannel|cali|cilium|weave)|br-[0-9a-f]{12}$"
)

# How many names are resolved in parallel.
LOOKUPS = 16


def parse_addresses(text: str) -> list[dict[str, Any]]:
    """Return the interfaces in the output of 'ip -json -details address show'."""
    links = json.loads(text or "[]")
    if not isinstance(links, list):
        raise ValueError("ip address show did not print a list of interfaces; update iproute2")
    found = []
    for link in links:
        if not isinstance(link, dict) or "ifname" not in link:
            continue
        info = link.get("linkinfo") or {}
        found.append(
            {
                "name": link["ifname"],
                "kind": info.get("info_kind"),
                "state": link.get("operstate", "UNKNOWN"),
                "mtu": link.get("mtu"),
                "mac": link.get("address"),
                "master": link.get("master"),
                "lower": link.get("link"),
                "addresses": [
                    f"{address['local']}/{address['prefixlen']}"
                    for address in link.get("addr_info") or []
                    if {"local", "prefixlen"} <= set(address) and address.get("scope") != "link"
                ],
            }
        )
    return found


def add_hardware(root: Root, interface: dict[str, Any]) -> dict[str, Any]:
    """Return an interface with its properties in sysfs."""
    path = f"/sys/class/net/{interface['name']}"
    speed = root.number(f"{path}/speed")
    node = root.number(f"{path}/device/numa_node")
    return {
        **interface,
        # -1 means that the interface is down, or has no speed.
        "speed_mbps": speed if speed is not None and speed > 0 else None,
        "numa_node": node if node is not None and node >= 0 else None,
        "members": root.text(f"{path}/bonding/slaves").split(),
    }


def same_address(left: str, right: str) -> bool:
    """Return whether two texts are the same address."""
    try:
        return ipaddress.ip_address(left.partition("/")[0]) == ipaddress.ip_address(right.partition("/")[0])
    except ValueError:
        return False


def carrier(interfaces: list[dict[str, Any]], address: str) -> dict[str, Any] | None:
    """Return the interface that has an address."""
    return next((entry for entry in interfaces if any(same_address(address, own) for own in entry["addresses"])), None)


def cluster(interfaces: list[dict[str, Any]], address: str | None) -> dict[str, Any] | None:
    """Return the interface with the cluster address, None without an address."""
    if not address:
        return None
    entry = carrier(interfaces, address) or {}
    return {
        "address": address,
        "interface": entry.get("name"),
        "mtu": entry.get("mtu"),
        "speed_mbps": entry.get("speed_mbps"),
        "for_containers": CONTAINER_NAMES.match(entry.get("name", "")) is not None,
    }


def look_up(name: str) -> dict[str, Any]:
    """Return the addresses that a name resolves to, and how long it took."""
    started = time.monotonic()
    addresses: list[str] = []
    error = None
    try:
        addresses = sorted({str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
    except OSError as trouble:
        error = str(trouble)
    return {"addresses": addresses, "seconds": round(time.monotonic() - started, 3), "error": error}


def look_back(addresses: list[str]) -> dict[str, Any]:
    """Return how long a reverse lookup took, as PyTorch makes it; that there is no name is an answer."""
    started = time.monotonic()
    for address in addresses:
        with contextlib.suppress(OSError):
            socket.getnameinfo((address, 0), 0)
    return {"seconds": round(time.monotonic() - started, 3), "answered": True}


def resolve(names: list[str], seconds: float) -> dict[str, dict[str, Any]]:
    """Return what each name resolves to, several in parallel, because a dead resolver delays each of them."""
    found: dict[str, dict[str, Any]] = {}

    def work(part: list[str]) -> None:
        for name in part:
            found[name] = look_up(name)

    deadline = time.monotonic() + seconds
    parts = [names[start::LOOKUPS] for start in range(min(LOOKUPS, len(names)))]
    for task in [Task(lambda part=part: work(part)) for part in parts]:  # type: ignore[misc]
        task.result(deadline)
    late = {"addresses": [], "seconds": seconds, "error": "the resolver did not answer in time"}
    return {name: found.get(name, late) for name in names}


def gather(
    root: Root, commands: Commands, address: str | None, names: list[str], backwards: list[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the section network, and what could not be gathered."""
    names_found = Task(lambda: resolve(names, commands.seconds))
    names_back = Task(lambda: look_back(backwards)) if backwards else None
    output = commands.output(["ip", "-json", "-details", "address", "show"])
    problems = ["ip is not installed; install iproute2"] if output is None else []
    if output is not None and not output.ok:
        problems.append(output.trouble("ip address show", commands.seconds))
    listing = output.out if output is not None and output.ok else ""
    interfaces = [add_hardware(root, entry) for entry in parse_addresses(listing)]
    deadline = time.monotonic() + commands.seconds
    answer, trouble = names_found.result(deadline + 1)
    silent = {"seconds": commands.seconds, "answered": False}
    return {
        "hostname": root.text("/proc/sys/kernel/hostname"),
        "interfaces": interfaces,
        "cluster": cluster(interfaces, address),
        "names": answer or {},
        "resolver": (names_back.result(deadline)[0] or silent) if names_back else None,
    }, [*problems, *([f"resolving names: {trouble}"] if trouble else [])]
