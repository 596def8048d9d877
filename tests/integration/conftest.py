# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab of three hosts for all topologies, and a way to deploy on it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.ask import plan, post
from tests.lab.settings import REPO

HERE = Path(__file__).parent
INVENTORY, IPV6 = HERE / "inventory", HERE / "inventory_ipv6"


@dataclass(frozen=True)
class Topology:
    """A deployment that stands: its plan, the hosts that serve it, and what ansible-playbook was told."""

    plan: dict[str, Any]
    lab: Lab
    words: tuple[str, ...]

    @property
    def urls(self) -> list[str]:
        """The addresses of all instances."""
        return [instance["url"] for entry in self.plan["deployments"].values() for instance in entry["instances"]]

    def run(self, host: str, *argv: str) -> str:
        """Run a command on a host and return what it printed."""
        code, output = self.lab.exec(host, list(argv))
        assert code == 0, output
        return output

    def tokens(self, url: str, prompt: str = "abc", count: int = 8) -> list[int]:
        """Return the greedy completion of a prompt as token ids."""
        body = {"text": prompt, "sampling_params": {"max_new_tokens": count, "temperature": 0, "ignore_eos": True}}
        return list(post(f"{url}/generate", body)["output_ids"])


def command(name: str, inventory: Path, *extra: str) -> list[str]:
    """Return the words that run a playbook of the collection."""
    return ["ansible-playbook", f"playbooks/{name}.yml", "-i", str(inventory), *extra]


def playbook(name: str, inventory: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the collection on the lab."""
    return subprocess.run(
        command(name, inventory, *extra),
        cwd=REPO,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Three hosts with systemd, taken down at the end."""
    hosts = Lab("test-integration", ["node1", "node2", "node3"], "10.77.20.0/24")
    hosts.up()
    yield hosts
    hosts.down()


@pytest.fixture
def lab_ipv6() -> Iterator[Lab]:
    """Two hosts that have no IPv4 address."""
    hosts = Lab("test-ipv6", ["node1", "node2"], "fd77:20::/64")
    hosts.up()
    yield hosts
    hosts.down()


@contextmanager
def deployed(name: str, lab: Lab, *extra: str, inventory: Path = INVENTORY) -> Iterator[Topology]:
    """Deploy topologies/NAME.yml with the playbook that users call, and remove it afterwards."""
    words = (
        "-e",
        f"@{REPO / 'inventories/lab_pd/group_vars/all/cpu.yml'}",
        "-e",
        f"@{HERE / 'topologies' / name}.yml",
        *extra,
    )
    try:
        done = playbook("deploy", inventory, *words)
        assert done.returncode == 0, done.stdout
        yield Topology(plan(inventory, *words), lab, words)
    finally:
        # also after a failure, so that the next topology finds free ports
        removed = playbook("remove", inventory, *words, "--skip-tags", "sglang_runtime")
    assert removed.returncode == 0, removed.stdout
