# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Whether the hosts of the plan reach each other: which ports each must reach, and what their answers mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import join, meet, parse
from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

from .finding import Finding, plural, section
from .owners import services

Plan = Mapping[str, Any]
Results = Mapping[str, Mapping[str, Any]]
# The set of all hosts of a model may be the whole cluster, of which a host asks its neighbours only.
MODEL, NEIGHBOURS = "model ", 2


def asked_ports(plan: Plan, host: str) -> str:
    """Return the ports of a host that other hosts need, empty where none does."""
    planned = plan["hosts"][host]
    alone = {planned["address"]}
    rules = [rule for rule in planned["reach"] if set(plan["peers"].get(rule["sources"], ())) - alone]
    return join(interval for rule in rules for interval in parse(rule["ports"]))


def asks(plan: Plan, host: str) -> list[dict[str, Any]]:
    """Return what a host must reach: host, address, ports, and the services that may listen there already."""
    sets = _sets_with(plan, plan["hosts"][host]["address"])
    found = []
    for name, planned in plan["hosts"].items():
        texts = [rule["ports"] for rule in planned["reach"] if _applies(rule, planned["address"], sets)]
        if name != host and texts:
            ports = join(interval for text in dict.fromkeys(texts) for interval in parse(text))
            entry = {"host": name, "address": planned["address"], "ports": ports}
            found.append({**entry, "services": sorted(services(planned))})
    return found


def _sets_with(plan: Plan, address: str) -> dict[str, Sequence[str] | None]:
    """Return set -> the addresses that a member of it asks, None for all; for each set that an address is in."""
    found: dict[str, Sequence[str] | None] = {}
    for name, addresses in plan["peers"].items():
        if address in addresses:
            place = list(addresses).index(address)
            found[name] = addresses[max(0, place - NEIGHBOURS) : place] if name.startswith(MODEL) else None
    return found


def _applies(rule: Mapping[str, Any], address: str, sets: Mapping[str, Sequence[str] | None]) -> bool:
    """Return whether a rule of the host with this address is one that a member of these sets tries."""
    if rule["sources"] not in sets:
        return False
    asked = sets[rule["sources"]]
    return asked is None or address in asked


def targets(asked: Iterable[Mapping[str, Any]], known: Results, mtu: int) -> list[dict[str, Any]]:
    """Return the peers that a host with this MTU connects to, as the module peer_info takes them.

    known: host -> result of peer_listen (listening) and facts (node), for the hosts that listen.
    """
    found = []
    for entry in asked:
        peer = known.get(entry["host"])
        if peer is not None:
            listening = peer["listening"]
            ports = {
                "ports": _inside(entry["ports"], listening["ports"]),
                "serving": _inside(entry["ports"], serving(peer["node"], entry["services"])),
            }
            where = {"host": entry["host"], "address": entry["address"], "token": listening["token"]}
            found.append({**where, **ports, "mtu": min(mtu, mtu_of(peer["node"]))})
    return found


def _inside(text: str, ports: Iterable[int]) -> list[int]:
    ranges = parse(text)
    return [port for port in ports if any(first <= port <= last for first, last in ranges)]


def serving(node: dict[str, Any], names: Iterable[str]) -> list[int]:
    """Return the ports on which these services listen already, or units of this collection that left the plan."""
    ours = {*names, *(f"{unit['name']}.service" for unit in section(node, "units", []))}
    return sorted({listener["port"] for listener in section(node, "listeners", []) if listener.get("unit") in ours})


def mtu_of(node: dict[str, Any]) -> int:
    """Return the MTU of the interface that carries the cluster address, 0 if it is unknown."""
    return (section(node, "network", {}).get("cluster") or {}).get("mtu") or 0


def findings(plan: Plan, results: Results) -> Iterable[tuple[str, Finding]]:
    """Yield (host, finding) from what each host saw of its peers. results: host -> result of peer_info."""
    yield from _closed(plan, results)
    yield from _lost(plan, results)


def _closed(plan: Plan, results: Results) -> Iterable[tuple[str, Finding]]:
    """Ports that the same hosts cannot reach for the same reason are one finding."""
    by_port: dict[tuple[str, str, str, int], list[str]] = {}
    for asking, result in results.items():
        for failure in result["failures"]:
            key = (failure["host"], failure["reason"], failure["answered_by"], failure["port"])
            by_port.setdefault(key, []).append(asking)
    together: dict[tuple[str, str, str, tuple[str, ...]], list[int]] = {}
    for (host, reason, other, port), askers in by_port.items():
        together.setdefault((host, reason, other, tuple(askers)), []).append(port)
    for (host, reason, other, group), numbers in together.items():
        yield host, _stranger(plan, host, other, group) if other else _blocked(plan, host, reason, group, numbers)


def _stranger(plan: Plan, host: str, other: str, askers: Sequence[str]) -> Finding:
    found = f"{other} answers at its address {plan['hosts'][host]['address']}, as seen from {first_few(askers)}"
    fix = "correct sglang_cluster_address of these hosts, and check that no two hosts have the same address"
    return Finding("peers", "identity", found, "its own listener", fix)


def _blocked(plan: Plan, host: str, reason: str, askers: Sequence[str], numbers: Sequence[int]) -> Finding:
    planned = plan["hosts"][host]
    ports = join((port, port) for port in numbers)
    addresses = {plan["hosts"][asker]["address"] for asker in askers}
    why = dict.fromkeys(
        rule["why"].split(";")[0]
        for rule in planned["reach"]
        if addresses & set(plan["peers"].get(rule["sources"], ())) and meet(rule["ports"], ports)
    )
    verb = plural(len(numbers), "port {} of {} is", "ports {} of {} are").format(ports, planned["address"])
    found = f"{verb} unreachable from {first_few(askers)}: {reason}"
    source = next(iter(addresses)) if len(addresses) == 1 else "ADDRESS"
    allow = f"sudo ufw allow proto tcp from {source} to any port {ports.replace('-', ':')}"
    fix = f"open it on {host} ({allow}), or deploy with node_firewall_manage: true; also check firewalls between them"
    return Finding("peers", "closed", found, f"open for {first_few(why, 2)}", fix)


def _lost(plan: Plan, results: Results) -> Iterable[tuple[str, Finding]]:
    names = {entry["address"]: name for name, entry in plan["hosts"].items()}
    for host, result in results.items():
        lost = result["packets_lost"]
        if lost:
            far = first_few(names.get(address, address) for address in lost)
            found = f"full-size packets do not reach {far}: {min(lost.values())}"
            smaller = "sudo ip link set INTERFACE mtu 1500"
            fix = f"set the same MTU on all switches and hosts of this path, or a smaller one here ({smaller})"
            yield host, Finding("mtu", "path", found, "the interface's MTU on the whole path", fix)


def reached(result: Mapping[str, Any]) -> str:
    """Return how many ports of its peers a host reaches, such as 62/64."""
    return f"{result['reached']}/{result['reached'] + len(result['failures'])}"
