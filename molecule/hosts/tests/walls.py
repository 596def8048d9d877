# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewall as others meet it: listeners on hosts, and connections to them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scenario import Hosts, Play, run_playbook

FIREWALL, REMOVE = "prepare", "remove"
# It tells systemd that it listens, and only then has been started.
LISTEN = """
import os, select, socket, sys
sockets = [socket.create_server(("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True) for port in sys.argv[1:]]
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
while True:
    for ready in select.select(sockets, [], [])[0]:
        ready.accept()[0].close()
"""
CONNECT = """
import socket, sys
for port in sys.argv[2:]:
    try:
        socket.create_connection((sys.argv[1], int(port)), 1.5).close()
        print(port)
    except OSError:
        pass
"""
# A packet that the firewall drops is not sent again within this time, so that each attempt asks it once.
KNOCK = """
import socket, sys
while True:
    for port in sys.argv[2:]:
        try:
            socket.create_connection((sys.argv[1], int(port)), 0.8).close()
            print(port, True, flush=True)
        except OSError:
            print(port, False, flush=True)
"""


@contextmanager
def listening(hosts: Hosts, host: str, ports: list[int]) -> Iterator[None]:
    """Have something that accepts connections on ports of a host."""
    start = ["systemd-run", "--unit=listeners", "--collect", "--service-type=notify"]
    hosts.run(host, *start, "python3", "-c", LISTEN, *map(str, ports))
    try:
        yield
    finally:
        hosts.run(host, "systemctl", "stop", "listeners")


def reached(hosts: Hosts, source: str, target: str, ports: list[int]) -> list[int]:
    """Return the ports of a host, or of an address, that a host reaches."""
    address = hosts.lab.address(target) if target in hosts.names else target
    printed = hosts.run(source, "python3", "-c", CONNECT, address, *map(str, ports))
    return [int(word) for word in printed.split()]


@contextmanager
def knocking(hosts: Hosts, source: str, target: str, *ports: int) -> Iterator[dict[int, list[bool]]]:
    """Connect to ports again and again; afterwards each port has all that happened to it, once."""
    answers: dict[int, list[bool]] = {}
    hosts.run(
        source,
        "systemd-run",
        "--unit=knocking",
        "--collect",
        "python3",
        "-c",
        KNOCK,
        hosts.lab.address(target),
        *map(str, ports),
    )
    try:
        yield answers
    finally:
        hosts.run(source, "systemctl", "stop", "knocking")
        seen = set(hosts.run(source, "journalctl", "--unit=knocking", "--output=cat").splitlines())
        answers.update(
            {port: [happened for happened in (False, True) if f"{port} {happened}" in seen] for port in ports}
        )
        hosts.run(source, "journalctl", "--rotate", "--vacuum-time=1s", "--unit=knocking")


def reached_from_here(address: str, port: int) -> bool:
    """Tell whether the machine of the tests, which is no host of the plan, reaches a port."""
    try:
        socket.create_connection((address, port), 1.5).close()
    except OSError:
        return False
    return True


def deploy(playbook: str, deployments: dict[str, Any], *words: str, succeeds: bool = True, **variables: Any) -> Play:
    """Run a playbook of the firewall with these deployments."""
    values = {"node_firewall_manage": True, "sglang_deployments": deployments, "sglang_gpus_per_node": 2, **variables}
    return run_playbook(playbook, "--tags", "node_firewall", "-e", json.dumps(values), *words, succeeds=succeeds)


def status(hosts: Hosts, host: str) -> str:
    """Return what ufw itself says."""
    return hosts.run(host, "ufw", "status")
