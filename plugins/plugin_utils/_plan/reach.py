# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Who must reach whom on what: the input of a firewall, and of the check that peers can connect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .disaggregation import bootstrap_port
from .intervals import Interval, join
from .placement import Instance
from .ports import MOONCAKE

# Ports of an instance that only its own ranks use; these and the ephemeral ones carry pickled objects.
PEER_PORTS = ("dist_init", "dp_attention", "dp_handshake", "nccl", "barrier")


def rule(sources: Sequence[str] | str, ports: str, why: str) -> dict[str, Any]:
    """One rule: sources is a list of addresses, "clients" for whoever may use the service, or "scrapers" for who collects metrics."""
    return {"sources": sources, "ports": ports, "protocol": "tcp", "why": why}


def instance_rules(
    instance: Instance, ports: Mapping[str, Interval], routers: Sequence[str], ephemeral: Interval
) -> list[dict[str, Any]]:
    """Return what each host of an instance must accept; the list is the same on all of them. routers: the addresses of its routers."""
    public = [interval for name, interval in ports.items() if name not in (*PEER_PORTS, "bootstrap")]
    if routers:
        rules = [
            rule(routers, join(public), f"{instance.name}: its routers"),
            rule("scrapers", join(public), f"{instance.name}: /metrics"),
        ]
    else:
        rules = [rule("clients", join(public), f"{instance.name}: the API")]
    if len(instance.hosts) > 1:
        peers = [host.address for host in instance.hosts]
        planned = join(ports[name] for name in PEER_PORTS)
        rules.append(
            rule(
                peers,
                f"{planned},{join([ephemeral])}",
                f"{instance.name}: between its ranks; gloo, NCCL and ZMQ take ports from the ephemeral range",
            )
        )
    return rules


def transfer_rules(
    instance: Instance,
    ports: Mapping[str, Interval],
    prefill: Sequence[str],
    decode: Sequence[str],
    ephemeral: Interval,
) -> list[dict[str, Any]]:
    """Return what a host of a prefill or decode instance must accept from the other side."""
    kv = join([MOONCAKE, ephemeral])
    if instance.group.role == "decode":
        return [rule(prefill, kv, f"{instance.name}: KV transfer from prefill")]
    port = bootstrap_port(ports)
    bootstrap = join([(port, port)])
    asked = join([(port, port), ports["api"]])
    return [
        rule(
            decode,
            f"{asked},{kv}",
            f"{instance.name}: bootstrap, the API for requests that decode gives back, and KV transfer with decode",
        ),
        rule(
            [host.address for host in instance.hosts],
            bootstrap,
            f"{instance.name}: its own ranks register at the bootstrap server",
        ),
    ]


def router_rules(name: str, ports: Mapping[str, Interval], routers: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the host of a router must accept. routers: the addresses of all routers of the deployment."""
    sources: dict[str, Sequence[str] | str] = {"prometheus": "scrapers", "mesh-port": routers}
    return [rule(sources.get(port, "clients"), join([interval]), f"{name}: {port}") for port, interval in ports.items()]
