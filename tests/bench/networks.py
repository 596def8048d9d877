# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with a network card of a given rate: network namespaces around a switch, apart from the machine's network."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

# A card holds back what is more than its rate. Through smaller bursts TCP alone does not get all of the rate.
SHAPE = ("burst", "512kb", "latency", "500ms")


class Network:
    """Namespaces with a card each; host K has the address 10.99.0.(K + 1)."""

    def __init__(self, count: int, megabits: int) -> None:
        """Make them."""
        self.prefix = f"bench-{os.getpid()}"
        self.megabits, self.hub = megabits, f"{self.prefix}-hub"
        self.made = [self.hub]
        _ip("netns", "add", self.hub)
        _ip("-n", self.hub, "link", "add", "switch", "type", "bridge")
        _ip("-n", self.hub, "link", "set", "switch", "up")
        for number in range(count):
            self._add(number)

    def _add(self, number: int) -> None:
        name = self.name(number)
        _ip("netns", "add", name)
        self.made.append(name)
        _ip("-n", self.hub, "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("-n", self.hub, "link", "set", f"port{number}", "master", "switch", "up")
        _ip("-n", name, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", name, "link", "set", device, "up")
        self.shape(number, self.megabits)

    def shape(self, number: int, megabits: int) -> None:
        """Give a card another rate, in both directions."""
        for where, device in ((self.name(number), "eth0"), (self.hub, f"port{number}")):
            words = [
                "tc",
                "-n",
                where,
                "qdisc",
                "replace",
                "dev",
                device,
                "root",
                "tbf",
                "rate",
                f"{megabits}mbit",
                *SHAPE,
            ]
            subprocess.run(words, check=True)

    def name(self, number: int) -> str:
        """Return the namespace of a host."""
        return f"{self.prefix}-{number}"

    @staticmethod
    def address(number: int) -> str:
        """Return the address of a host."""
        return f"10.99.0.{number + 1}"

    def inside(self, number: int) -> list[str]:
        """Return the words before a command that runs on a host."""
        return ["ip", "netns", "exec", self.name(number)]

    def sent(self, number: int) -> int:
        """Return how many bytes the card of a host has sent."""
        words = [*self.inside(number), "cat", "/sys/class/net/eth0/statistics/tx_bytes"]
        return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)

    def remove(self) -> None:
        """Remove them; the cards go with them."""
        for name in self.made:
            _ip("netns", "delete", name)


@contextmanager
def network(count: int, megabits: int) -> Iterator[Network]:
    """Make hosts, and remove them whatever happens."""
    made = Network(count, megabits)
    try:
        yield made
    finally:
        made.remove()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
