# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of ufw from the plan: exactly whom the plan names gets in, with few rules."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._firewall.rules import (
    COMMENT_LENGTH,
    PORTS_IN_A_RULE,
    Rule,
    Who,
    comment_of,
    plan_rules,
    port_texts,
)
from hypothesis import given
from hypothesis import strategies as st

PEERS = "20000-20006,20013,32768-60999"
WHO = Who({"clients": ["192.168.0.0/16"], "scrapers": []})


def rule(
    sources: Sequence[str] | str, ports: str = PEERS, why: str = "llama-0: between its ranks; and why"
) -> dict[str, Any]:
    """A rule of the plan."""
    return {"sources": sources, "ports": ports, "protocol": "tcp", "why": why}


def addresses(count: int, first: str = "10.0.0.64") -> list[str]:
    """Addresses that follow each other."""
    return [str(ipaddress.ip_address(first) + number) for number in range(count)]


def lets_in(rules: Sequence[Rule], address: str, port: int) -> bool:
    """Tell whether a connection gets in, as iptables reads the rules."""
    where = ipaddress.ip_address(address)
    return any(
        where in ipaddress.ip_network(one.source)
        and any(
            int(first) <= port <= int(last or first)
            for first, _unused, last in (word.partition(":") for word in one.ports.split(","))
        )
        for one in rules
    )


def test_a_rule_reads_like_ufw() -> None:
    (one,) = plan_rules([rule(["10.0.0.1"])], WHO)
    assert (
        one.line()
        == "allow 20000:20006,20013,32768:60999/tcp from 10.0.0.1  # multinode.sglang: llama-0: between its ranks"
    )
    assert Rule("::/0", "22", "c").line() == "allow 22/tcp from anywhere (v6)  # c"


def test_many_peers_need_few_rules() -> None:
    assert [one.source for one in plan_rules([rule(addresses(64))], WHO)] == ["10.0.0.64/26"]
    assert len(plan_rules([rule(addresses(64, "10.0.0.11"))], WHO)) == 7
    assert [one.source for one in plan_rules([rule(addresses(64, "fd00::40"))], WHO)] == ["fd00::40/122"]


def test_a_trusted_network_stands_for_its_hosts_and_others_stay_addresses() -> None:
    who = Who(WHO.groups, ["10.0.0.0/24", "10.9.0.0/24"])
    assert [one.source for one in plan_rules([rule(["10.0.0.7", "10.0.0.99", "10.1.0.1"])], who)] == [
        "10.0.0.0/24",
        "10.1.0.1",
    ]


def test_what_the_same_hosts_may_reach_is_one_rule() -> None:
    both = [rule(addresses(4), "20000"), rule(addresses(4), "20064", "b-0: between its ranks")]
    (one,) = plan_rules(both, WHO)
    assert (one.ports, one.comment) == (
        "20000,20064",
        "multinode.sglang: llama-0: between its ranks; b-0: between its ranks",
    )


def test_what_a_larger_network_may_reach_needs_no_rule() -> None:
    rules = plan_rules([rule("clients", "30000"), rule(["192.168.1.5"], "8998,30000", "pd: bootstrap")], WHO)
    assert [(one.source, one.ports) for one in rules] == [("192.168.0.0/16", "30000"), ("192.168.1.5", "8998")]


def test_nobody_is_no_rule_and_any_is_everybody() -> None:
    assert plan_rules([rule("scrapers", "30000")], WHO) == []
    assert [one.source for one in plan_rules([rule("clients", "30000")], Who({"clients": ["any"]}))] == [
        "0.0.0.0/0",
        "::/0",
    ]


@pytest.mark.parametrize(
    ("sources", "who", "sentence"),
    [
        (
            "clients",
            Who({"clients": ["10.0.0.1/24"]}),
            "clients: 10.0.0.1/24 has host bits set; set an address, a network such as",
        ),
        ("clients", Who({"clients": ["gpu01"]}), "clients: 'gpu01' does not appear to be"),
        (["10.0.0.1"], Who({}, ["all"]), "cluster_networks: 'all' does not appear"),
        ("routers", WHO, "unknown sources 'routers' in a rule of the plan; expected addresses, clients, scrapers"),
    ],
)
def test_what_is_wrong_is_named(sources: Sequence[str] | str, who: Who, sentence: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(sentence)):
        plan_rules([rule(sources)], who)


def test_no_rule_has_more_ports_than_iptables_takes() -> None:
    singles = [(port, port) for port in range(1, 61, 2)]
    assert [text.count(",") + 1 for text in port_texts(singles)] == [15, 15]
    texts = list(port_texts([(first, first + 2) for first in range(10, 100, 10)]))
    assert [text.count(":") for text in texts] == [7, 2]
    assert list(port_texts([(10, 11), (12, 12), (14, 14)])) == ["10:12,14"]


def test_a_comment_is_short_and_has_no_apostrophe() -> None:
    assert comment_of(["the router's"]) == "multinode.sglang: the routers"
    long = comment_of(["x" * 500])
    assert len(long) == COMMENT_LENGTH
    assert long.endswith(" ...")


SOURCES = st.one_of(
    st.sampled_from(["clients", "scrapers"]),
    st.lists(
        st.integers(0, 40).map(lambda number: str(ipaddress.ip_address("10.0.0.0") + number)), min_size=1, max_size=12
    ),
)
PORTS = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 5)), min_size=1, max_size=20).map(
    lambda pairs: ",".join(f"{first}-{first + more}" for first, more in pairs)
)


@given(
    st.lists(st.tuples(SOURCES, PORTS), max_size=6),
    st.lists(st.sampled_from(["10.0.0.0/28", "10.0.0.8/29", "any", "10.0.0.3"]), max_size=3),
)
def test_exactly_whom_the_plan_names_gets_in(pairs: list[tuple[Any, str]], clients: list[str]) -> None:
    who = Who({"clients": clients, "scrapers": ["10.0.0.32/29"]})
    rules = plan_rules([rule(sources, ports) for sources, ports in pairs], who)
    assert len({(one.source, one.ports) for one in rules}) == len(rules)
    assert all(one.ports.count(",") + one.ports.count(":") < PORTS_IN_A_RULE for one in rules)
    for address in ("10.0.0.0", "10.0.0.3", "10.0.0.9", "10.0.0.15", "10.0.0.33", "10.0.0.41"):
        for port in range(1, 66, 3):
            assert lets_in(rules, address, port) == any(
                named(sources, address, clients)
                and any(int(word.split("-")[0]) <= port <= int(word.split("-")[1]) for word in ports.split(","))
                for sources, ports in pairs
            )


def named(sources: Any, address: str, clients: list[str]) -> bool:
    """Tell whether the sources of a rule of the plan mean an address."""
    if isinstance(sources, str):
        networks = (
            ["10.0.0.32/29"] if sources == "scrapers" else ["0.0.0.0/0" if word == "any" else word for word in clients]
        )
        return any(ipaddress.ip_address(address) in ipaddress.ip_network(network) for network in networks)
    return address in sources
