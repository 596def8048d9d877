# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The inventory as the plan sees it: groups in order, and for each host its address, GPUs and interface."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .env import parse_env
from .errors import PlanError, nearest
from .gpus import Gpus, read_gpus


@dataclass(frozen=True)
class Host:
    """A host of the plan.

    address: IP literal that its peers reach. gpus: those that deployments may use, in this order. listed: whether the
    user listed them, so that servers see no other. interface: None to find it when a server starts. ib_device: what
    Mooncake transfers over on this host, as --disaggregation-ib-device takes it; None for the group's.
    """

    name: str
    address: str
    gpus: Gpus
    listed: bool
    interface: str | None
    ib_device: str | None
    env: Mapping[str, str]


@dataclass(frozen=True)
class Inventory:
    """groups: name -> hosts in inventory order. variables: host -> its variables, read only for hosts of the plan."""

    groups: Mapping[str, Sequence[str]]
    variables: Callable[[str], Mapping[str, Any]]

    def resolve(self, hosts: str | list[str], where: str) -> list[str]:
        """Return the host names behind `hosts:` in inventory order."""
        everyone = self.groups.get("all", ())
        if isinstance(hosts, list):
            for name in hosts:
                if name not in everyone:
                    hint = nearest(name, everyone) or "; correct the name"
                    raise PlanError(f"{where}: the inventory has no host {name!r}{hint}")
            if len(set(hosts)) != len(hosts):
                raise PlanError(f"{where}: a host is named twice in {hosts}; name each once")
            return list(hosts)
        if hosts in self.groups:
            if not self.groups[hosts]:
                raise PlanError(f"{where}: the group {hosts!r} has no hosts; add hosts to it in the inventory")
            return list(self.groups[hosts])
        if hosts in everyone:
            return [hosts]
        hint = nearest(hosts, [*self.groups, *everyone]) or "; correct the name"
        raise PlanError(f"{where}: the inventory has no group or host {hosts!r}{hint}")

    def host(self, name: str) -> Host:
        """Read and check the variables of one host."""
        values = self.variables(name)
        gpus, listed = read_gpus(name, values)
        interface = _name(name, values, "sglang_cluster_interface", "the name of a network interface, such as eth0")
        ib_device = _name(name, values, "sglang_ib_device", "the names of RDMA devices, such as mlx5_0,mlx5_1")
        env = parse_env(values.get("sglang_host_env") or {}, f"host {name}: sglang_host_env")
        return Host(name, cluster_address(name, values), gpus, listed, interface, ib_device, env)


def _name(host: str, values: Mapping[str, Any], variable: str, wanted: str) -> str | None:
    value = values.get(variable) or None
    if value is not None and not isinstance(value, str):
        raise PlanError(f"host {host}: {variable} is {value!r}; write {wanted}")
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
