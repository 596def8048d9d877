# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab as a Python object: what the command line, the tests and the benchmarks use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import engine, hosts, models, runtime
from .settings import HERE, MODELS_IN_HOST, SHIM_IN_HOST, STAND_IN_IN_HOST, builder


@dataclass(frozen=True)
class Lab:
    """Hosts with these names on one network; the first has the address .11 of it, the next .12, and so on."""

    name: str
    hosts: Sequence[str]
    subnet: str = "10.77.0.0/24"
    stand_in: bool = False

    def up(self) -> None:
        """Start the engine, build what is missing, and start the hosts; nothing that is right already is touched."""
        client = engine.up()
        mounts = [(str(HERE / "shim"), SHIM_IN_HOST)]
        with builder():
            tag = runtime.tag(client)
            if self.stand_in:
                mounts.append((str(HERE / "stand_in"), STAND_IN_IN_HOST))
            else:
                mounts.append((str(models.build(client, tag)), MODELS_IN_HOST))
        shape = hosts.Shape(tag, tuple(mounts), "64m" if self.stand_in else "1g")
        hosts.up(client, self.name, self.hosts, self.subnet, shape)

    def down(self) -> None:
        """Remove the hosts; images and models stay for the next time."""
        hosts.down(engine.connect(), self.name)

    def exec(self, host: str, argv: Sequence[str]) -> tuple[int, str]:
        """Run a command in a host; its exit status and its output."""
        return hosts.run(hosts.find(engine.connect(), host, self.name), argv)

    def address(self, host: str) -> str:
        """The address of a host on the lab's network."""
        return hosts.address(self.subnet, list(self.hosts).index(host))
