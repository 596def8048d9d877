# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files with the rules of ufw, user.rules and user6.rules. PRIVATE to the collection.

ufw reads its rules back from the lines "### tuple ###", and loads the lines below them with iptables-restore.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .._base.intervals import LAST_PORT, Interval
from .rules import ANYWHERE, MARK, Network, Rule, covers

BEGIN = "### RULES ###"
END = "### END RULES ###"
TUPLE = "### tuple ### "
COMMENT = " comment="
_SHARED = {"-A", "-p", "-s", "-d", "-i", "-j", "--dport", "--dports", "--sport", "--sports"}
LETS_IN = ("allow", "limit")


@dataclass(frozen=True)
class Entry:
    """A rule in the file: its fields, and its lines unchanged."""

    action: str
    protocol: str
    dport: str
    dst: str
    sport: str
    src: str
    direction: str
    comment: str
    lines: tuple[str, ...]

    @property
    def ours(self) -> bool:
        """Return whether this collection wrote the rule."""
        return self.comment.startswith(MARK)

    @property
    def rule(self) -> Rule:
        """Return one of our rules."""
        return Rule(self.src, self.dport, self.comment, self.protocol)

    @property
    def lets_in(self) -> bool:
        """Return whether the rule allows connections."""
        return self.action.partition("_")[0] in LETS_IN

    @property
    def plain(self) -> bool:
        """Return whether the rule is for all interfaces, addresses and source ports of this host."""
        return self.direction == "in" and self.dst in ANYWHERE and self.sport == "any"

    def incoming(self) -> bool:
        """Return whether the rule is for connections to this host."""
        return not self.action.startswith("route:") and self.direction.partition("_")[0] == "in"

    def ports(self) -> list[Interval]:
        """Return the ports of the rule; all if it names none."""
        if self.dport == "any":
            return [(1, LAST_PORT)]
        pairs = (word.partition(":") for word in self.dport.split(","))
        return [(int(first), int(last or first)) for first, _unused, last in pairs]

    def source(self) -> Network:
        """Return the sources of the rule."""
        return ipaddress.ip_network(self.src, strict=False)

    def line(self) -> str:
        """Return the rule as people read it."""
        return (
            f"{self.action} {self.dport}/{self.protocol} from {self.src}{f'  # {self.comment}' if self.comment else ''}"
        )


@dataclass(frozen=True)
class RulesFile:
    """A file of rules, with the text before and after them."""

    head: tuple[str, ...]
    entries: tuple[Entry, ...]
    tail: tuple[str, ...]

    def text(self) -> str:
        """Return the file."""
        rules = [line for entry in self.entries for line in ("", *entry.lines)]
        # In a fresh ufw, lines of other chains follow immediately, and would seem to belong to the last rule.
        gap = [""] if rules and self.tail[:1] != ("",) else []
        return "\n".join([*self.head, *rules, *gap, *self.tail])

    def foreign(self) -> list[Entry]:
        """Return the rules that are not ours."""
        return [entry for entry in self.entries if not entry.ours]

    def wanted(self, rules: Iterable[Rule]) -> RulesFile:
        """Return the file with exactly these rules of ours, after all others; unchanged ones keep their place."""
        theirs = self.foreign()
        # To ufw, our rule and the same one of somebody else are one rule, which would be deleted with theirs.
        missing = {rule for rule in rules if not any(same(entry, rule) for entry in theirs)}
        kept = [
            entry
            for entry in self.entries
            if entry.ours and entry.rule in missing and entry.lines == lines_of(entry.rule)
        ]
        new = sorted(missing - {entry.rule for entry in kept})
        if not new and len(theirs) + len(kept) == len(self.entries):
            return self
        return RulesFile(self.head, (*theirs, *kept, *(entry_of(rule) for rule in new)), self.tail)

    def is_loaded(self, chain: str, kernel: Sequence[str]) -> bool:
        """Return whether a chain in the kernel has the rules of the file. kernel: as iptables -S prints them."""
        lines = [line for entry in self.entries for line in entry.lines if line.startswith(f"-A {chain} ")]
        found, wanted = ({spelled(line) for line in some} - {()} for some in (kernel, lines))
        return len(lines) == len(kernel) and found == wanted


def parse(text: str) -> RulesFile:
    """Return the rules in a text."""
    lines = text.split("\n")
    if BEGIN not in lines:
        raise ValueError(f"the line {BEGIN!r} is missing, so this is not a file of ufw")
    at = lines.index(BEGIN) + 1
    head = lines[:at]
    entries: list[Entry] = []
    while True:
        start = at
        while start < len(lines) and not lines[start]:
            start += 1
        if start == len(lines) or not lines[start].startswith(TUPLE):
            return RulesFile(
                tuple(head), tuple(entries), tuple(lines[at if lines[start : start + 1] == [END] else start :])
            )
        at = start + 1
        while at < len(lines) and lines[at].startswith("-"):
            at += 1
        entries.append(parse_entry(lines[start:at]))


def parse_entry(lines: Sequence[str]) -> Entry:
    """Return a rule from its lines. Some rules have names of applications between source and direction."""
    spec, _unused, comment = lines[0][len(TUPLE) :].partition(COMMENT)
    words = spec.split()
    if len(words) not in (6, 7, 9):
        raise ValueError(f"this line is not a rule of ufw: {lines[0]}")
    direction = words[-1] if len(words) > 6 else "in"
    action, protocol, dport, dst, sport, src = words[:6]
    return Entry(action, protocol, dport, dst, sport, src, direction, decode(comment), tuple(lines))


def spelled(line: str) -> tuple[tuple[str, str], ...]:
    """Return the options of a rule, in an order that ufw and the kernel share; nothing for one that they write apart.

    That is one with further matches, such as those of ufw limit.
    """
    words = line.split()
    options = [pair for pair in zip(words[::2], words[1::2]) if pair[0] not in ("-m", "--reject-with")]
    if len(words) % 2 or not {name for name, _value in options} <= _SHARED:
        return ()
    return tuple(sorted((name, re.sub(r"/(32|128)$", "", value)) for name, value in options))


def decode(comment: str) -> str:
    """Return the text of a comment, which ufw writes in hexadecimal."""
    try:
        return bytes.fromhex(comment.strip()).decode("utf-8", "replace")
    except ValueError:
        return ""


def lines_of(rule: Rule) -> tuple[str, str]:
    """Return the lines that ufw writes for a rule."""
    anywhere, chain = (ANYWHERE[1], "ufw6-user-input") if rule.v6 else (ANYWHERE[0], "ufw-user-input")
    several = "," in rule.ports or ":" in rule.ports
    before = f" -m multiport --dports {rule.ports}" if several else f" --dport {rule.ports}"
    source = "" if rule.source in ANYWHERE else f" -s {rule.source}"
    comment = f"{COMMENT}{rule.comment.encode().hex()}"
    return (
        f"{TUPLE}allow {rule.protocol} {rule.ports} {anywhere} any {rule.source} in{comment}",
        f"-A {chain} -p {rule.protocol}{before}{source} -j ACCEPT",
    )


def entry_of(rule: Rule) -> Entry:
    """Return the entry of a rule of ours."""
    return parse_entry(lines_of(rule))


def same(entry: Entry, rule: Rule) -> bool:
    """Return whether an entry of others is the same rule with another comment."""
    alike = (entry.action, entry.protocol, entry.dport, entry.src) == ("allow", rule.protocol, rule.ports, rule.source)
    return alike and entry.plain


def verdict(entries: Iterable[Entry], address: str | None, port: int) -> Entry | None:
    """Return the rule that decides about a connection, None if the default does. Without an address: from anywhere.

    A rule for a part of this host's addresses or interfaces counts where it refuses, and does not where it lets in.
    """
    who = None if address is None else ipaddress.ip_network(address)
    for entry in entries:
        for_port = entry.protocol in ("tcp", "any") and any(first <= port <= last for first, last in entry.ports())
        for_address = entry.src in ANYWHERE if who is None else covers(entry.source(), who)
        if entry.incoming() and for_port and for_address and (entry.plain or not entry.lets_in):
            return entry
    return None


def wider(entries: Iterable[Entry], closed: dict[Interval, list[Network]]) -> list[Entry]:
    """Return rules of others that open ports to strangers which only hosts of the plan may reach."""
    return [
        entry
        for entry in entries
        if entry.incoming() and entry.lets_in and entry.protocol in ("tcp", "any")
        if any(
            begin <= last and first <= end and not any(covers(peer, entry.source()) for peer in peers)
            for (first, last), peers in closed.items()
            for begin, end in entry.ports()
        )
    ]
