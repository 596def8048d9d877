# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw on a host: its files, its lock, its chains in the kernel, and its command. PRIVATE to the collection."""

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

# Services that set the whole of a host's rules, so that ufw and they would undo each other.
OTHERS = ("firewalld", "nftables", "netfilter-persistent", "shorewall", "shorewall6", "ferm", "csf")


@dataclass(frozen=True)
class Family:
    """Where ufw keeps its rules of IPv4 or IPv6, and what loads them."""

    path: str
    chain: str
    iptables: str


V4 = Family("/etc/ufw/user.rules", "ufw-user-input", "iptables")
V6 = Family("/etc/ufw/user6.rules", "ufw6-user-input", "ip6tables")


class Ufw:
    """ufw, whose rules are exchanged in one step.

    Its own command needs 0.3 s for each rule, and its reload takes the firewall down and up again, which is 3 s during which everything
    is open. The rules themselves are one file of each family, which ufw loads with iptables-restore at its start; so does this.
    """

    def __init__(self, root: Root, commands: Commands) -> None:
        """Keep where the host begins, and its commands."""
        self.root, self._commands = root, commands

    def installed(self) -> bool:
        """Tell whether it is here."""
        return self._commands.there("ufw") and self.root.exists(V4.path)

    def others(self) -> list[str]:
        """Return other firewalls that run."""
        answer = self._commands.output(["systemctl", "is-active", *OTHERS])
        states = answer.out.split() if answer else []
        return [name for name, state in zip(OTHERS, states) if state in ("active", "activating", "reloading")]

    def setting(self, name: str, path: str = "/etc/default/ufw") -> str:
        """Return one of its settings in small letters."""
        found = re.findall(rf"^{name}=[\"']?([^\"'\s]*)", self.root.text(path), re.MULTILINE)
        return str(found[-1]).lower() if found else ""

    def enabled(self) -> bool:
        """Tell whether it is started at boot."""
        return self.setting("ENABLED", "/etc/ufw/ufw.conf") == "yes"

    def families(self) -> list[Family]:
        """Return the families that it is set up for."""
        return [V4, V6] if self.setting("IPV6") == "yes" else [V4]

    def read(self, family: Family) -> RulesFile:
        """Return its rules."""
        try:
            with open(self.root.path(family.path), encoding="utf-8", errors="surrogateescape") as handle:
                return parse(handle.read())
        except ValueError as error:
            raise ValueError(f"{family.path}: {error}; run `ufw reset`, which keeps a copy of the file") from error

    def loaded(self, family: Family) -> int | None:
        """Return how many lines the kernel has in the chain of the rules, None where there is no such chain: ufw is not active."""
        answer = self._commands.output([family.iptables, "-w", "5", "-S", family.chain])
        return sum(line.startswith("-A") for line in answer.out.splitlines()) if answer and answer.ok else None

    def write(self, family: Family, rules: RulesFile) -> None:
        """Write its rules, in one step and readable by root only, as they are."""
        ensure(File(self.root.path(family.path), rules.text(), 0o640))

    def load(self, family: Family) -> None:
        """Have the kernel take the rules of the file in place of those that it has, all at once."""
        self._must([f"{family.iptables}-restore", "-w", "5", "-n", self.root.path(family.path)])

    def forwards(self) -> bool:
        """Tell whether this host passes packets on, and does not refuse them by default: ufw would begin to refuse them."""
        answer = self._commands.output(["iptables", "-w", "5", "-S", "FORWARD"])
        accepts = answer is not None and answer.out.startswith("-P FORWARD ACCEPT")
        return accepts and self.root.text("/proc/sys/net/ipv4/ip_forward") == "1"

    def command(self, *words: str) -> None:
        """Run its own command."""
        self._must(["ufw", *words])

    def _must(self, words: list[str]) -> None:
        answer = self._commands.output(words)
        trouble = "it is not installed" if answer is None else answer.trouble(words[0], self._commands.seconds)
        if trouble:
            raise ValueError(f"`{' '.join(words)}` failed: {trouble}")

    @contextmanager
    def lock(self, check: bool) -> Iterator[None]:
        """Keep ufw's own command away meanwhile."""
        if check:
            yield
            return
        with open(self.root.path("/run/ufw.lock"), "w", encoding="utf-8") as handle:
            fcntl.lockf(handle, fcntl.LOCK_EX)
            yield

    def remove(self, path: str) -> None:
        """Remove a file."""
        os.unlink(self.root.path(path))
