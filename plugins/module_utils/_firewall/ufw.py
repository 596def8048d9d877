# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw on a host: its files, lock, kernel chains and command. PRIVATE to the collection."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .._base.files import File, ensure
from .._base.host import Commands, Root
from .ufw_file import RulesFile, parse

# Services that set all rules of a host, so that they and ufw would undo each other.
OTHERS = ("firewalld", "nftables", "netfilter-persistent", "shorewall", "shorewall6", "ferm", "csf")
# The chains of INPUT in the order in which ufw leads through them.
JUMPS = ("before-logging-input", "before-input", "after-input", "after-logging-input", "reject-input", "track-input")


@dataclass(frozen=True)
class Family:
    """Where ufw has its rules for IPv4 or IPv6, and what loads them."""

    path: str
    chain: str
    before: str
    iptables: str


V4 = Family("/etc/ufw/user.rules", "ufw-user-input", "ufw-before-input", "iptables")
V6 = Family("/etc/ufw/user6.rules", "ufw6-user-input", "ufw6-before-input", "ip6tables")


class Ufw:
    """ufw, whose rules are exchanged in one step.

    The ufw command takes 0.3 s for each rule, and its reload leaves everything open for 3 s. The rules are one file for
    each family, which ufw loads with iptables-restore when it starts. This class does the same.
    """

    def __init__(self, root: Root, commands: Commands) -> None:
        """Keep the files and commands of the host."""
        self.root, self._commands = root, commands

    def installed(self) -> bool:
        """Return whether ufw is installed."""
        return self._commands.there("ufw") and self.root.exists(V4.path)

    def others(self) -> list[str]:
        """Return the other firewalls that run."""
        answer = self._commands.output(["systemctl", "is-active", *OTHERS])
        states = answer.out.split() if answer else []
        return [name for name, state in zip(OTHERS, states) if state in ("active", "activating", "reloading")]

    def setting(self, name: str, path: str = "/etc/default/ufw") -> str:
        """Return a setting of ufw in lower case."""
        found = re.findall(rf"^{name}=[\"']?([^\"'\s]*)", self.root.text(path), re.MULTILINE)
        return str(found[-1]).lower() if found else ""

    def enabled(self) -> bool:
        """Return whether ufw starts at boot."""
        return self.setting("ENABLED", "/etc/ufw/ufw.conf") == "yes"

    def families(self) -> list[Family]:
        """Return the address families that ufw is configured for."""
        return [V4, V6] if self.setting("IPV6") == "yes" else [V4]

    def read(self, family: Family) -> RulesFile:
        """Return the rules of a family."""
        try:
            with open(self.root.path(family.path), encoding="utf-8", errors="surrogateescape") as handle:
                return parse(handle.read())
        except ValueError as error:
            raise ValueError(f"{family.path}: {error}; run `ufw reset`, which keeps a copy of the file") from error

    def loaded(self, family: Family) -> list[str] | None:
        """Return the rules in the kernel's chain, None without a chain: ufw is inactive."""
        answer = self._commands.output([family.iptables, "-w", "5", "-S", family.chain])
        return [line for line in answer.out.splitlines() if line.startswith("-A")] if answer and answer.ok else None

    def bypassed(self) -> str:
        """Return why packets do not come to the rules, or pass without one; empty where all is as ufw sets it."""
        return next(filter(None, map(self._bypassed, self.families())), "")

    def _bypassed(self, family: Family) -> str:
        found = {}
        for chain in ("INPUT", family.before):
            answer = self._commands.output([family.iptables, "-w", "5", "-S", chain])
            found[chain] = answer.out.splitlines() if answer and answer.ok else []
        if f"-A INPUT -j {family.before}" not in found["INPUT"]:
            return f"{family.iptables} has no jump from INPUT to {family.before}"
        if f"-A {family.before} -j {family.chain}" not in found[family.before]:
            return f"{family.iptables} has no jump from {family.before} to {family.chain}"
        if "-P INPUT ACCEPT" in found["INPUT"]:
            return f"the policy of INPUT in {family.iptables} is ACCEPT"
        return f"INPUT in {family.iptables} accepts everything" if "-A INPUT -j ACCEPT" in found["INPUT"] else ""

    def mend(self) -> None:
        """Lead packets to the rules again: ufw adds these jumps only where its chains are not there."""
        for family in self.families():
            answer = self._commands.output([family.iptables, "-w", "5", "-S", "INPUT"])
            found = answer.out.splitlines() if answer and answer.ok else []
            for chain in (family.before.replace("before-input", one) for one in JUMPS):
                if f"-A INPUT -j {chain}" not in found:
                    self._must([family.iptables, "-w", "5", "-A", "INPUT", "-j", chain])
        self.command("reload")

    def write(self, family: Family, rules: RulesFile) -> None:
        """Write the rules of a family atomically, readable by root only."""
        ensure(File(self.root.path(family.path), rules.text(), 0o640))

    def load(self, family: Family) -> None:
        """Replace all rules in the kernel by those of the file, in one step."""
        self._must([f"{family.iptables}-restore", "-w", "5", "-n", self.root.path(family.path)])

    def forwards(self) -> bool:
        """Return whether this host forwards packets by default, which ufw would stop."""
        answer = self._commands.output(["iptables", "-w", "5", "-S", "FORWARD"])
        accepts = answer is not None and answer.out.startswith("-P FORWARD ACCEPT")
        return accepts and self.root.text("/proc/sys/net/ipv4/ip_forward") == "1"

    def command(self, *words: str) -> None:
        """Run the ufw command."""
        self._must(["ufw", *words])

    def _must(self, words: list[str]) -> None:
        answer = self._commands.output(words)
        trouble = "it is not installed" if answer is None else answer.trouble(words[0], self._commands.seconds)
        if trouble:
            raise ValueError(f"`{' '.join(words)}` failed: {trouble}")

    @contextmanager
    def lock(self, check: bool) -> Iterator[None]:
        """Lock out the ufw command in the meantime."""
        if check:
            yield
            return
        with open(self.root.path("/run/ufw.lock"), "w", encoding="utf-8") as handle:
            fcntl.lockf(handle, fcntl.LOCK_EX)
            yield

    def remove(self, path: str) -> None:
        """Remove a file."""
        os.unlink(self.root.path(path))
