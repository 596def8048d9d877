# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Who must reach whom on what: the input of a firewall, and of the check that peers can connect.

A rule names a set of peers instead of repeating their addresses: a plan does not grow with the square of its hosts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Rule

from .disaggregation import bootstrap_port
from .intervals import Interval, join
from .listeners import CLIENTS, RANKS, SCRAPERS, Listener
from .placement import Placed
from .ports import MOONCAKE
from .schema import Group

# Ports of an instance that only its own ranks use; these and the ephemeral ones carry pickled objects.
PEER_PORTS = ("dist_init", "dp_attention", "dp_handshake", "nccl", "barrier", "nixl_store")
# The only ones that clients reach: the other ports of a server ask nobody for a key.
PUBLIC = ("api",)


def expand(plan: Mapping[str, Any], host: str) -> list[dict[str, Any]]:
    """Return the rules of a host of a plan in its plain form, with the addresses of each set of peers."""
    return [
        {
            "sources": rule["sources"]
            if rule["sources"] in (CLIENTS, SCRAPERS)
            else list(plan["peers"][rule["sources"]]),
            "ports": rule["ports"],
            "protocol": "tcp",
            "why": rule["why"],
        }
        for rule in plan["hosts"][host]["reach"]
    ]


def instance_rules(placed: Placed, ports: Mapping[str, Interval], routers: str, ephemeral: Interval) -> list[Rule]:
    """Return what each host of an instance must accept, the same on all. routers: the set of its routers, or empty."""
    name = placed.on_host
    public = join(ports[port] for port in PUBLIC)
    if routers:
        rules = [Rule(routers, public, f"{name}: its routers"), Rule(SCRAPERS, public, f"{name}: /metrics")]
    else:
        rules = [Rule(CLIENTS, public, f"{name}: the API")]
    inner = inner_ports(ports)
    if inner:
        rules.append(Rule(deployment_peers(placed.group), join(inner), f"{name}: inside the deployment"))
    if len(placed.hosts) > 1:
        planned = join(ports[port] for port in PEER_PORTS if port in ports)
        why = f"{name}: between its ranks; gloo, NCCL and ZMQ take ports from the ephemeral range"
        rules.append(Rule(f"instance {placed.name}", f"{planned},{join([ephemeral])}", why))
    return rules + listener_rules(placed)


def inner_ports(ports: Mapping[str, Interval]) -> list[Interval]:
    """Return the ports of an instance that neither clients nor only its ranks use, such as those of extra_ports."""
    known = {*PUBLIC, *PEER_PORTS, "bootstrap"}
    return [found for port, found in ports.items() if port not in known and not port.startswith("listeners.")]


def deployment_peers(group: Group) -> str:
    """Return the name of the set of all hosts and routers of a deployment."""
    return f"deployment {group.deployment}"


def listener_rules(placed: Placed) -> list[Rule]:
    """Return who may connect to the listeners that only the user knows."""
    rules = []
    for listener in placed.group.listeners:
        sources, why = listener.sources, f"{placed.on_host}: {listener.port_name}"
        if sources == RANKS:
            sources = f"instance {placed.name}" if len(placed.hosts) > 1 else ""
        elif isinstance(sources, tuple):
            sources = listener_peers(placed.group, listener)
        if sources:
            rules.append(Rule(sources, join([listener.ports]), why))
    return rules


def listener_peers(group: Group, listener: Listener) -> str:
    """Return the name of the set of hosts that may connect to a listener."""
    return f"{listener.port_name} of {group.deployment} {group.role}"


def transfer_rules(placed: Placed, ports: Mapping[str, Interval], ephemeral: Interval) -> list[Rule]:
    """Return what a host of a prefill or decode instance must accept from the other side."""
    name, deployment, role = placed.on_host, placed.group.deployment, placed.group.role
    other = "decode" if role == "prefill" else "prefill"
    # The same for all instances of a host, which has it once.
    transfer = Rule(f"{other} {deployment}", join([MOONCAKE, ephemeral]), f"{deployment}-{role}: KV transfer")
    if role == "decode":
        return [transfer]
    port = bootstrap_port(ports)
    asked = join([(port, port), ports["api"]])
    return [
        transfer,
        Rule(f"decode {deployment}", asked, f"{name}: bootstrap, and the API for requests that decode gives back"),
        Rule(f"instance {placed.name}", str(port), f"{name}: its own ranks register at the bootstrap server"),
    ]


def router_rules(name: str, ports: Mapping[str, Interval], routers: str) -> list[Rule]:
    """Return what the host of a router must accept. routers: the set of all routers of the deployment."""
    sources = {"prometheus": SCRAPERS, "mesh-port": routers}
    return [Rule(sources.get(port, CLIENTS), join([interval]), f"{name}: {port}") for port, interval in ports.items()]


def copy_rule(model: str, port: int) -> Rule:
    """Return what a host of a model must accept while hosts copy it from each other."""
    return Rule(f"model {model}", str(port), f"model {model}: hosts copy it from each other")
