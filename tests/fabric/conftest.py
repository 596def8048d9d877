# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests for all tests, and plays on them."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.progress import LabError, step
from tests.lab.settings import ANSIBLE_PLAYBOOK, REPO

from . import guests as qemu
from .guests import Guest

HERE = Path(__file__).parent
PLAY_SECONDS = 1200
SETTLE_SECONDS = 180.0
PACKAGES = ("rdma-core", "ibverbs-utils", "perftest", "infiniband-diags")


@dataclass(frozen=True)
class Play:
    """What came of a play."""

    output: str
    code: int

    @property
    def refused(self) -> str:
        """The sentences with which the roles refused."""
        return "\n".join(re.findall(r"Action failed: (.*)", self.output)) or self.output[-4000:]

    def count(self, what: str) -> list[int]:
        """The numbers of changed, failed, ... in the recap, in the order of the hosts."""
        return [int(number) for number in re.findall(rf"^guest\d .*\b{what}=(\d+)", self.output, re.MULTILINE)]


@dataclass(frozen=True)
class Fabric:
    """Two guests with a cable between them."""

    guests: list[Guest]
    reports: Path

    def play(self, name: str, succeeds: bool = True, **variables: Any) -> Play:
        """Run NAME.yml with these variables, which must succeed, or be refused."""
        known = {
            "fabric_ports": {guest.name: guest.port for guest in self.guests},
            "fabric_report": str(self.reports),
            **variables,
        }
        words = [ANSIBLE_PLAYBOOK, str(HERE / f"{name}.yml"), "-i", str(HERE / "inventory"), "-e", json.dumps(known)]
        told = ", ".join(f"{key}={value}" for key, value in variables.items())
        with step(f"Playing {name}.yml {told}".strip()):
            done = subprocess.run(
                words,
                cwd=REPO,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PLAY_SECONDS,
                check=False,
            )
        assert (done.returncode == 0) == succeeds, done.stdout
        return Play(done.stdout, done.returncode)

    def rdma(self, succeeds: bool = True, **variables: Any) -> Play:
        """Apply the role rdma as a user would who wants RDMA."""
        return self.play("rdma", succeeds, rdma_required=True, **variables)

    def report(self, guest: Guest) -> Mapping[str, Any]:
        """Return node_facts_result of a guest in the last play that succeeded."""
        return json.loads((self.reports / f"{guest.name}.json").read_text())


def installed(guest: Guest) -> set[str]:
    """Return which of the role's packages a guest has."""
    shown = guest.attempt(
        f"dpkg-query --show --showformat '${{Package}} ${{db:Status-Status}}\\n' {' '.join(PACKAGES)}"
    )[1]
    return {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}


def settles(guest: Guest, command: str) -> None:
    """Wait until a line of shell succeeds on a guest."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while guest.attempt(command)[0]:
        assert time.monotonic() < deadline, f"{guest.name}: {command} still fails after {SETTLE_SECONDS:.0f} s"
        time.sleep(1)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    """Guests as Debian leaves them."""
    try:
        with qemu.running() as started:
            yield Fabric(started, tmp_path_factory.mktemp("reports"))
    except LabError as error:
        pytest.exit(str(error), returncode=2)


@pytest.fixture(scope="session")
def fabric(bare: Fabric) -> Fabric:
    """Guests on which the role has installed what RDMA needs."""
    if not all(installed(guest) for guest in bare.guests):
        bare.rdma(rdma_install=True)
    return bare
