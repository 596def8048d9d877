# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of ufw, as ufw has written them: ours go in and out, and nothing else changes."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._firewall.rules import MARK, Rule
from ansible_collections.multinode.sglang.plugins.module_utils._firewall.ufw_file import (
    Entry,
    RulesFile,
    lines_of,
    parse,
    parse_entry,
    verdict,
    wider,
)
from hypothesis import given
from hypothesis import strategies as st

Recorded = Callable[[str], str]
PEER = Rule("10.77.60.12", "20000:20006,32768:60999", MARK + "pair-0: between its ranks")
API = Rule("10.77.60.0/24", "30000", MARK + "pair-0: the API")
SSH = Rule("0.0.0.0/0", "22", MARK + "ssh")


def entry(text: str, source: str = "0.0.0.0/0", direction: str = "in", dst: str = "0.0.0.0/0") -> Entry:
    """A rule of somebody else: "allow tcp 22"."""
    return parse_entry([f"### tuple ### {text} {dst} any {source} {direction}"])


@pytest.mark.parametrize("name", ["ufw_user.rules", "ufw_fresh.rules", "ufw_fresh6.rules"])
def test_a_file_is_written_as_it_was_read(recorded: Recorded, name: str) -> None:
    assert parse(recorded(name)).text() == recorded(name)


def test_what_ufw_has_written_is_read(recorded: Recorded) -> None:
    rules = parse(recorded("ufw_user.rules"))
    assert [one.line() for one in rules.entries] == [
        "allow 9999/tcp from 0.0.0.0/0  # theirs",
        "limit 7777/tcp from 0.0.0.0/0",
        "allow_log 8888/tcp from 0.0.0.0/0",
        "allow 53/any from 0.0.0.0/0",
        "deny any/any from 192.0.2.0/24",
        "allow 123/udp from 0.0.0.0/0",
        "route:allow 80/tcp from 0.0.0.0/0",
        "allow 22/tcp from 0.0.0.0/0  # multinode.sglang: ssh",
        "allow 22/tcp from 10.9.0.0/16",
    ]
    assert [one.ours for one in rules.entries].index(True) == 7
    assert [one.incoming() for one in rules.entries] == [True] * 5 + [False] * 2 + [True] * 2
    printed = [line for line in rules.text().splitlines() if line.startswith("-A ufw-user-input")]
    assert len(printed) == 11
    assert rules.is_loaded("ufw-user-input", printed)
    assert not rules.is_loaded("ufw-user-input", printed[1:])
    assert not rules.is_loaded("ufw-user-input", ["-A ufw-user-input -p tcp -j ACCEPT", *printed[1:]])


def test_our_rules_are_written_as_ufw_writes_them(recorded: Recorded) -> None:
    text = recorded("ufw_user.rules")
    assert "\n".join(lines_of(SSH)) in text
    assert (
        lines_of(PEER)[1]
        == "-A ufw-user-input -p tcp -m multiport --dports 20000:20006,32768:60999 -s 10.77.60.12 -j ACCEPT"
    )
    assert lines_of(Rule("::/0", "22", MARK))[1] == "-A ufw6-user-input -p tcp --dport 22 -j ACCEPT"


def test_ours_come_after_theirs_and_go_again(recorded: Recorded) -> None:
    before = parse(recorded("ufw_user.rules"))
    after = before.wanted([PEER, SSH, API])
    assert [one.rule for one in after.entries[-3:]] == [SSH, API, PEER]
    assert after.foreign() == before.foreign()
    assert (after.head, after.tail) == (before.head, before.tail)
    assert after.wanted([API, PEER, SSH]) is after
    assert after.wanted([]).entries == tuple(before.foreign())


def test_a_rule_with_another_reason_is_written_anew(recorded: Recorded) -> None:
    before = parse(recorded("ufw_user.rules"))
    assert [
        one.comment for one in before.wanted([Rule(SSH.source, SSH.ports, MARK + "login")]).entries if one.ours
    ] == [MARK + "login"]


def test_a_rule_of_ours_whose_lines_somebody_has_changed_is_written_anew(recorded: Recorded) -> None:
    damaged = parse(recorded("ufw_user.rules").replace("--dport 22 -j ACCEPT\n", "--dport 22 -j DROP\n"))
    assert lines_of(SSH)[1] in damaged.wanted([SSH]).text()


def test_the_same_rule_of_somebody_else_is_enough(recorded: Recorded) -> None:
    theirs = parse(recorded("ufw_user.rules"))
    assert Rule("0.0.0.0/0", "9999", MARK) not in [
        one.rule for one in theirs.wanted([SSH, Rule("0.0.0.0/0", "9999", MARK)]).entries
    ]


@pytest.mark.parametrize("text", ["", "*filter\nCOMMIT\n", "### RULES ###\n\n### tuple ### allow tcp\n"])
def test_what_is_no_file_of_ufw_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"rule of ufw|file of ufw"):
        parse(text)


@pytest.mark.parametrize(
    ("rules", "address", "decides"),
    [
        ([entry("allow tcp 22")], "10.0.0.9", 0),
        ([entry("limit tcp 22")], None, 0),
        ([entry("allow tcp 22", "10.0.0.0/8")], None, None),
        ([entry("allow tcp 22", "10.0.0.0/8")], "192.0.2.1", None),
        ([entry("allow udp 22"), entry("allow any any", "10.0.0.9")], "10.0.0.9", 1),
        ([entry("deny tcp 20:25"), entry("allow tcp 22")], "10.0.0.9", 0),
        # It is not known whether this connection uses that interface or address: a deny counts, an allow does not.
        ([entry("allow tcp 22", direction="in_eth9"), entry("allow tcp 22", dst="10.0.0.1")], "10.0.0.9", None),
        ([entry("reject tcp 22", direction="in_eth9"), entry("allow tcp 22")], "10.0.0.9", 0),
        ([entry("allow tcp 22", direction="out"), entry("route:allow tcp 22")], "10.0.0.9", None),
        ([entry("allow tcp 22", "::/0", dst="::/0")], "fd00::9", 0),
    ],
)
def test_the_first_rule_that_applies_decides(rules: list[Entry], address: str | None, decides: int | None) -> None:
    assert verdict(rules, address, 22) == (None if decides is None else rules[decides])


def test_rules_that_let_strangers_to_peers_are_found() -> None:
    rules = [
        entry("allow tcp 20000:21000"),
        entry("allow any any", "10.0.0.0/8"),
        entry("allow tcp 20000", "10.0.0.1"),
        entry("allow tcp 30000"),
        entry("deny tcp 20000"),
        entry("allow udp 20000"),
    ]
    assert wider(rules, {(20000, 20006): [ipaddress.ip_network("10.0.0.0/30")]}) == rules[:2]


RULES = st.builds(
    Rule,
    st.sampled_from(["0.0.0.0/0", "10.0.0.1", "10.0.0.0/24"]),
    st.sampled_from(["22", "20000:20006", "20000:20006,30000"]),
    st.sampled_from([MARK + "a", MARK + "ssh"]),
)


# What follows the rules where ufw has written the file, and where it is as it was installed.
TAILS = (("", "### END RULES ###", "COMMIT", ""), ("-A ufw-user-limit -j REJECT", "COMMIT", ""), ("COMMIT", ""))


@given(st.lists(RULES, max_size=5), st.lists(RULES, max_size=5), st.booleans(), st.sampled_from(TAILS))
def test_from_any_rules_to_any_others(
    first: list[Rule], second: list[Rule], theirs: bool, tail: tuple[str, ...]
) -> None:
    fresh = RulesFile(("*filter", "### RULES ###"), (entry("allow tcp 1"),) if theirs else (), tail)
    after = parse(parse(fresh.wanted(first).text()).wanted(second).text())
    assert {one.rule for one in after.entries if one.ours} == set(second)
    assert after.wanted(second) is after
    assert parse(after.wanted([]).text()).text() == fresh.text()
