# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Whether the hosts of a deployment reach each other as planned: whom each of them asks, and what their answers mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import join, meet, parse

from .finding import Finding, section, short
from .host import units_of

Area = tuple[str, Finding]
Plan = Mapping[str, Any]


def asked_ports(planned: Mapping[str, Any]) -> str:
    """Return the ports that other hosts need on this one, empty where nobody does."""
    rules = [rule for rule in planned["reach"] if set(sources_of(rule)) - {planned["address"]}]
    return join(interval for rule in rules for interval in parse(rule["ports"]))


def sources_of(rule: Mapping[str, Any]) -> list[str]:
    """Return the addresses that a rule lets in; clients and people who collect metrics are not hosts of the plan."""
    return [] if isinstance(rule["sources"], str) else list(rule["sources"])


def asks(plan: Plan) -> dict[str, list[dict[str, Any]]]:
    """Return for each host whom it must reach: host, address, ports, and the services that may listen there already."""
    names = {entry["address"]: name for name, entry in plan["hosts"].items()}
    found: dict[str, dict[str, list[str]]] = {}
    for name, planned in plan["hosts"].items():
        for rule in planned["reach"]:
            for source in sources_of(rule):
                if source in names and source != planned["address"]:
                    found.setdefault(names[source], {}).setdefault(name, []).append(rule["ports"])
    return {
        asking: [_asked(name, plan["hosts"][name], texts) for name, texts in asked.items()]
        for asking, asked in found.items()
    }


def _asked(name: str, planned: Mapping[str, Any], texts: list[str]) -> dict[str, Any]:
    ports = join(interval for text in dict.fromkeys(texts) for interval in parse(text))
    return {"host": name, "address": planned["address"], "ports": ports, "services": sorted(units_of(planned))}


def serving(node: dict[str, Any], services: Iterable[str]) -> list[int]:
    """Return the ports on which these services listen already."""
    ours = set(services)
    return sorted({listener["port"] for listener in section(node, "listeners", []) if listener.get("unit") in ours})


def mtu_of(node: dict[str, Any]) -> int:
    """Return the MTU of the interface that carries the cluster address, 0 where it is not known."""
    return (section(node, "network", {}).get("cluster") or {}).get("mtu") or 0


def targets(
    asked: Iterable[Mapping[str, Any]], heard: Mapping[str, Mapping[str, Any]], mtu: int
) -> list[dict[str, Any]]:
    """Return what a host with this MTU tries. asked: its part of asks. heard: host -> {ports, node}, of those that listen."""
    found = []
    for entry in asked:
        peer = heard.get(entry["host"])
        if peer is not None:
            ranges = parse(entry["ports"])
            kinds = {"ports": peer["ports"], "serving": serving(peer["node"], entry["services"])}
            tried = {
                kind: [port for port in ports if any(a <= port <= b for a, b in ranges)]
                for kind, ports in kinds.items()
            }
            found.append(
                {"host": entry["host"], "address": entry["address"], **tried, "mtu": min(mtu, mtu_of(peer["node"]))}
            )
    return found


def findings(plan: Plan, results: Mapping[str, Mapping[str, Any]], clock_seconds: float) -> dict[str, list[Area]]:
    """Return what is wrong by host, from what each host saw of its peers."""
    found: dict[str, list[Area]] = {}
    for host, area, finding in (*_closed(plan, results), *_narrow(plan, results), *_clocks(results, clock_seconds)):
        found.setdefault(host, []).append((area, finding))
    return found


def _closed(plan: Plan, results: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, str, Finding]]:
    """Ports that are closed to the same hosts for the same reason are one finding."""
    by_port: dict[tuple[str, str, int], list[str]] = {}
    for asking, result in results.items():
        for failure in result["failures"]:
            by_port.setdefault((failure["host"], failure["reason"], failure["port"]), []).append(asking)
    together: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}
    for (host, reason, port), askers in by_port.items():
        together.setdefault((host, reason, tuple(askers)), []).append(port)
    for (host, reason, group), numbers in together.items():
        ports = join((port, port) for port in numbers)
        yield host, "peers", _closed_port(plan, host, reason, list(group), ports)


def _closed_port(plan: Plan, host: str, reason: str, askers: list[str], ports: str) -> Finding:
    planned = plan["hosts"][host]
    addresses = [plan["hosts"][asker]["address"] for asker in askers]
    why = dict.fromkeys(
        rule["why"].split(";")[0]
        for rule in planned["reach"]
        if set(addresses) & set(sources_of(rule)) and meet(rule["ports"], ports)
    )
    seen = f"{short(askers)} cannot connect to its port {ports} at {planned['address']} ({reason})"
    if "answers" in reason:
        return Finding(
            "identity",
            seen,
            "this host",
            "correct sglang_cluster_address of these hosts, and see that no address is used twice",
        )
    source = addresses[0] if len(addresses) == 1 else "ADDRESS"
    remedy = (
        f"open it on {host} (sudo ufw allow proto tcp from {source} to any port {ports.replace('-', ':')}), "
        "or deploy with node_firewall_manage: true; see also firewalls and routes on the way"
    )
    return Finding("closed", seen, f"a connection for {short(list(why), 2)}", remedy)


def _narrow(plan: Plan, results: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, str, Finding]]:
    names = {entry["address"]: name for name, entry in plan["hosts"].items()}
    for host, result in results.items():
        if result["narrow"]:
            far = short([names.get(address, address) for address in result["narrow"]])
            seen = f"its packets do not reach {far} whole ({min(result['narrow'].values())})"
            remedy = "set the same MTU on the switches and hosts of this path, or a smaller one here (sudo ip link set INTERFACE mtu 1500)"
            yield host, "mtu", Finding("path", seen, "a path as wide as the MTU of its interface", remedy)


def _clocks(results: Mapping[str, Mapping[str, Any]], seconds: float) -> Iterable[tuple[str, str, Finding]]:
    """The clock of a host is off if most of its peers say so; of two hosts nobody knows which one is right."""
    ahead: dict[str, list[float]] = {}
    for result in results.values():
        for host, clock in result["clocks"].items():
            # What the answer took may be all of the difference.
            doubt = clock["took"] / 2
            ahead.setdefault(host, []).append(clock["ahead"] if abs(clock["ahead"]) > doubt else 0.0)
    for host, differences in ahead.items():
        # The nearer of the two in the middle: one wrong clock does not make its peers wrong.
        off = sorted(differences, key=abs)[(len(differences) - 1) // 2]
        if abs(off) > seconds:
            seen = f"its clock is {abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} those of its peers"
            remedy = "have it kept (deploy with node_tuning_manage: true, or sudo apt-get install chrony; then sudo chronyc makestep)"
            yield host, "clock", Finding("skew", seen, f"{seconds:g} s at most (preflight_clock_seconds)", remedy)


def reached(result: Mapping[str, Any]) -> str:
    """Return how many ports of its peers a host reaches, such as 62/64."""
    return f"{result['reached']}/{result['reached'] + len(result['failures'])}"
