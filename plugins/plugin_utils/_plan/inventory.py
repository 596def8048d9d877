# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The inventory as the plan sees it: groups in order, and for each host its address, GPUs and interface."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .devices import parse_ib_devices
from .env import SAME_ON_ALL, parse_env
from .errors import PlanError
from .gpus import Gpus, read_gpus
from .patterns import Patterns


@dataclass(frozen=True)
class Host:
    """A host of the plan.

    address: IP literal that its peers reach. gpus: those that deployments may use, in this order. listed: whether the
    user listed them, so that servers see no other. interface: None to find it when a server starts. ib_device: what
    Mooncake transfers over on this host, as --disaggregation-ib-device takes it; None for the group's. rank_order: its
    place among the hosts of a group, None for that of the inventory.
    """

    name: str
    address: str
    gpus: Gpus
    listed: bool
    interface: str | None
    ib_device: str | None
    rank_order: float | str | None
    env: Mapping[str, str]


@dataclass(frozen=True)
class Inventory:
    """groups: name -> hosts in inventory order. variables: host -> its variables, read only for hosts of the plan."""

    groups: Mapping[str, Sequence[str]]
    variables: Callable[[str], Mapping[str, Any]]

    def resolve(self, hosts: str | list[str], where: str) -> list[str]:
        """Return the host names behind `hosts:`."""
        return self._patterns.resolve(hosts, where)

    @cached_property
    def _patterns(self) -> Patterns:
        return Patterns(self.groups)

    def host(self, name: str) -> Host:
        """Read and check the variables of one host."""
        values = self.variables(name)
        gpus, listed = read_gpus(name, values)
        interface = _interface(name, values.get("sglang_cluster_interface") or None)
        devices = values.get("sglang_ib_device") or None
        ib_device = devices and parse_ib_devices(devices, f"host {name}: sglang_ib_device")
        env = parse_env(values.get("sglang_host_env") or {}, f"host {name}: sglang_host_env", SAME_ON_ALL)
        order = _rank_order(name, values.get("sglang_rank_order"))
        return Host(name, cluster_address(name, values), gpus, listed, interface, ib_device, order, env)


def in_rank_order(hosts: list[Host], where: str) -> list[Host]:
    """Return hosts by their own numbers or words, and after them the others in the order of the inventory."""
    placed = [host for host in hosts if host.rank_order is not None]
    words = [host for host in placed if isinstance(host.rank_order, str)]
    if words and len(words) < len(placed):
        number = next(host for host in placed if host not in words)
        raise PlanError(
            f"{where}: sglang_rank_order is {number.rank_order:g} on {number.name} but {words[0].rank_order!r} on "
            f"{words[0].name}; use numbers on all hosts, or words"
        )
    return [*sorted(placed, key=_order), *(host for host in hosts if host.rank_order is None)]


def _order(host: Host) -> Any:
    return host.rank_order


def _rank_order(host: str, value: Any) -> float | str | None:
    """Return a number or a word; inventories that a program makes have numbers as text."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return float(value) if value.isdecimal() else value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PlanError(f"host {host}: sglang_rank_order is {value!r}; write a number or a word")
    return float(value)


def _interface(host: str, value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and re.fullmatch(r"[^\s/]{1,15}", value)):
        raise PlanError(
            f"host {host}: sglang_cluster_interface is {value!r}; write the name of a network interface, such as eth0"
        )
    return value


def cluster_address(name: str, values: Mapping[str, Any]) -> str:
    """Return a host's cluster address: sglang_cluster_address, else ansible_host or the name if an IP literal."""
    given = values.get("sglang_cluster_address")
    for candidate in (given,) if given else (values.get("ansible_host"), name):
        address = _literal(candidate)
        if address is None:
            continue
        if address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local:
            raise PlanError(
                f"host {name}: {address} cannot be its cluster address, because other hosts do not reach it there; "
                "set sglang_cluster_address to the IP address that they reach"
            )
        return str(address)
    if given:
        raise PlanError(
            f"host {name}: sglang_cluster_address {given!r} is not an IP address; write the address, "
            "because a name may resolve to 127.0.0.1 on the host itself"
        )
    raise PlanError(
        f"host {name}: it has no cluster address; set sglang_cluster_address to the IP address that its peers reach"
    )


def _literal(value: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(str(value))
    except ValueError:
        return None
