# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn the rules of the plan into as few ufw rules as possible. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from .._base.intervals import Interval, merged, parse, without

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
MARK = "multinode.sglang: "
ANYWHERE = ("0.0.0.0/0", "::/0")
# iptables accepts 15 ports in one rule; a range counts as two.
PORTS_IN_A_RULE = 15
COMMENT_LENGTH = 160


@dataclass(frozen=True, order=True)
class Rule:
    """An incoming connection that is allowed, as ufw writes it."""

    source: str
    ports: str
    comment: str
    protocol: str = "tcp"

    @property
    def v6(self) -> bool:
        """Return whether the rule is for IPv6."""
        return ":" in self.source

    def line(self) -> str:
        """Return the rule as people read it."""
        source = "anywhere" if self.source in ANYWHERE else self.source
        family = " (v6)" if self.source == ANYWHERE[1] else ""
        return f"allow {self.ports}/{self.protocol} from {source}{family}  # {self.comment}"


@dataclass
class Opening:
    """Ports that are open to one network, and the reasons."""

    ports: list[Interval] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def add(self, ports: Iterable[Interval], reasons: Iterable[str]) -> None:
        """Open further ports."""
        self.ports = merged([*self.ports, *ports])
        self.reasons += [reason for reason in reasons if reason not in self.reasons]


@dataclass(frozen=True)
class Who:
    """Who clients and scrapers are, and the networks whose hosts are all trusted."""

    groups: Mapping[str, Sequence[str]]
    cluster_networks: Sequence[str] = ()

    def networks(self, sources: Sequence[str] | str) -> list[Network]:
        """Return the sources of a rule as the fewest networks with exactly these addresses."""
        if isinstance(sources, str):
            if sources not in self.groups:
                raise ValueError(
                    f"unknown sources {sources!r} in a rule of the plan; expected addresses, {', '.join(self.groups)}"
                )
            return networks(self.groups[sources], sources)
        trusted = networks(self.cluster_networks, "cluster_networks")
        peers = networks(sources, "sources")
        within = {peer: [other for other in trusted if covers(other, peer)] for peer in peers}
        return collapse([place for peer, found in within.items() for place in (found or [peer])])


def networks(words: Iterable[str], where: str) -> list[Network]:
    """Return addresses and networks from texts; any is everybody."""
    found: list[Network] = []
    for word in words:
        try:
            found += [ipaddress.ip_network(text) for text in (ANYWHERE if word == "any" else (str(word),))]
        except ValueError as error:
            raise ValueError(f"{where}: {error}; set an address, a network such as 10.0.0.0/24, or any") from error
    return collapse(found)


def collapse(found: Iterable[Network]) -> list[Network]:
    """Return networks joined where they are exactly a larger one, without those that others include."""
    ordered = list(found)
    v4 = ipaddress.collapse_addresses(one for one in ordered if isinstance(one, ipaddress.IPv4Network))
    v6 = ipaddress.collapse_addresses(one for one in ordered if isinstance(one, ipaddress.IPv6Network))
    return [*v4, *v6]


def covers(outer: Network, inner: Network) -> bool:
    """Return whether a network contains another."""
    if isinstance(outer, ipaddress.IPv4Network):
        return isinstance(inner, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, ipaddress.IPv6Network) and inner.subnet_of(outer)


def openings(reach: Iterable[Mapping[str, Any]], who: Who) -> dict[tuple[str, Network], Opening]:
    """Return (protocol, network) -> what it may reach, without what a larger network may reach."""
    sets: dict[tuple[str, tuple[Network, ...]], Opening] = {}
    for rule in reach:
        place = (rule["protocol"], tuple(who.networks(rule["sources"])))
        sets.setdefault(place, Opening()).add(parse(rule["ports"]), [rule["why"]])
    found: dict[tuple[str, Network], Opening] = {}
    for (protocol, places), opening in sets.items():
        for network in places:
            found.setdefault((protocol, network), Opening()).add(opening.ports, opening.reasons)
    return {key: rest for key, opening in found.items() if (rest := _beyond_larger(key, opening, found)).ports}


def _beyond_larger(key: tuple[str, Network], opening: Opening, found: Mapping[tuple[str, Network], Opening]) -> Opening:
    protocol, network = key
    larger = [
        interval
        for (other_protocol, other), more in found.items()
        if other_protocol == protocol and other != network and covers(other, network)
        for interval in more.ports
    ]
    return Opening(without(opening.ports, larger), opening.reasons)


def plan_rules(reach: Iterable[Mapping[str, Any]], who: Who) -> list[Rule]:
    """Return the ufw rules for the rules of the plan."""
    return [
        Rule(source_text(network), ports, comment_of(opening.reasons), protocol)
        for (protocol, network), opening in openings(reach, who).items()
        for ports in port_texts(opening.ports)
    ]


def source_text(network: Network) -> str:
    """Return a network as ufw writes it: a single address without prefix length."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def comment_of(reasons: Iterable[str]) -> str:
    """Return our mark and each reason up to its semicolon, without apostrophes, which ufw refuses."""
    text = (MARK + "; ".join(reason.partition(";")[0] for reason in reasons)).replace("'", "")
    return text if len(text) <= COMMENT_LENGTH else f"{text[: COMMENT_LENGTH - 4]} ..."


def port_texts(ports: Iterable[Interval]) -> Iterator[str]:
    """Return ports as ufw writes them, one text for each rule."""
    words: list[str] = []
    room = PORTS_IN_A_RULE
    for first, last in merged(ports):
        size = 1 if first == last else 2
        if size > room:
            yield ",".join(words)
            words, room = [], PORTS_IN_A_RULE
        words.append(str(first) if first == last else f"{first}:{last}")
        room -= size
    if words:
        yield ",".join(words)


def peer_ports(reach: Iterable[Mapping[str, Any]], who: Who) -> dict[Interval, list[Network]]:
    """Return the ports that only hosts of the plan may reach, and these hosts."""
    found: dict[Interval, list[Network]] = {}
    for rule in reach:
        if not isinstance(rule["sources"], str):
            for interval in parse(rule["ports"]):
                found.setdefault(interval, []).extend(who.networks(rule["sources"]))
    return found
