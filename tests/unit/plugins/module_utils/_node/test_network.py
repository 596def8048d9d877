# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces: a bond with a VLAN and IPv6 only, containers' bridges, and which one carries the cluster address."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._node import network

Recorded = Callable[[str], str]
Host = Callable[[str], Root]
Answering = Callable[..., Commands]


def cluster(root: Root, commands: Commands, address: str) -> dict[str, Any]:
    """Return what carries an address."""
    found, problems = network.gather(root, commands, address, [], [])
    assert problems == []
    return found["cluster"]


def test_a_vlan_on_a_bond_with_ipv6_only(host_files: Host, recorded: Recorded, answering: Answering) -> None:
    root = host_files("roce_bond.tree")
    commands = answering({"ip -json": (0, recorded("ip_bond.json"))})
    found, _unused = network.gather(root, commands, "2001:DB8:0:100:0::1", [], [])
    by_name = {entry["name"]: entry for entry in found["interfaces"]}
    assert list(by_name) == ["lo", "ens1np0", "ens2np0", "bond0", "bond0.100"]
    assert by_name["bond0"]["members"] == ["ens1np0", "ens2np0"]
    assert by_name["bond0"]["speed_mbps"] == 200000
    assert by_name["ens1np0"]["master"] == "bond0"
    assert (by_name["bond0.100"]["kind"], by_name["bond0.100"]["lower"]) == ("vlan", "bond0")
    # The address that is valid on the link only is no way to name this host.
    assert by_name["bond0.100"]["addresses"] == ["2001:db8:0:100::1/64"]
    assert found["cluster"] == {
        "address": "2001:DB8:0:100:0::1", "interface": "bond0.100", "mtu": 9000, "speed_mbps": None,
        "for_containers": False,
    }  # fmt: skip


def test_recorded_interfaces(host_files: Host, recorded: Recorded, answering: Answering) -> None:
    commands = answering({"ip -json": (0, recorded("ip_docker.json"))})
    assert cluster(host_files(""), commands, "192.0.2.2")["interface"] == "eth0"
    assert cluster(host_files(""), commands, "192.0.2.2")["mtu"] == 1400
    assert cluster(host_files(""), commands, "172.17.0.1")["for_containers"] is True
    assert cluster(host_files(""), commands, "10.9.9.9")["interface"] is None
    assert network.gather(host_files(""), commands, None, [], [])[0]["cluster"] is None


@pytest.mark.parametrize(
    ("name", "inner"),
    [("br-259e4a48cc04", True), ("br-data", False), ("virbr0", True), ("bond0", False), ("docker0", True)],
)
def test_networks_of_containers(name: str, inner: bool) -> None:
    interfaces = [{"name": name, "addresses": ["10.0.0.1/24"], "mtu": 1500, "speed_mbps": None}]
    found = network.cluster(interfaces, "10.0.0.1")
    assert found is not None
    assert found["for_containers"] is inner


def test_no_ip_command_is_a_problem_with_a_remedy(host_files: Host, answering: Answering) -> None:
    found, problems = network.gather(
        host_files("/proc/sys/kernel/hostname = gpu01\n"), answering({}), "10.0.0.1", [], []
    )
    assert problems == ["ip is not installed; install iproute2"]
    assert (found["hostname"], found["interfaces"], found["cluster"]["interface"]) == ("gpu01", [], None)


def test_names_are_looked_up_at_once_and_a_dead_resolver_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def getaddrinfo(name: str, *_args: object, **_options: object) -> list[Any]:
        if name == "slow":
            release.wait(30)
        if name == "unknown":
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"10.0.0.{name[-1]}", 0))]

    monkeypatch.setattr(network.socket, "getaddrinfo", getaddrinfo)
    started = time.monotonic()
    found = network.resolve(["gpu1", "slow", "unknown", "gpu2"], 0.3)
    release.set()
    assert time.monotonic() - started < 2
    assert {name: entry["addresses"] for name, entry in found.items()} == {
        "gpu1": ["10.0.0.1"],
        "slow": [],
        "unknown": [],
        "gpu2": ["10.0.0.2"],
    }
    assert found["slow"]["error"] == "the resolver did not answer in time"
    assert "Name or service not known" in found["unknown"]["error"]
    assert found["gpu2"]["error"] is None


def test_many_names_take_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[int] = []

    def getaddrinfo(name: str, *_args: object, **_options: object) -> list[Any]:
        running.append(threading.active_count())
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (name, 0))]

    monkeypatch.setattr(network.socket, "getaddrinfo", getaddrinfo)
    names = [f"10.0.{number // 250}.{number % 250 + 1}" for number in range(1000)]
    found = network.resolve(names, 20)
    assert [entry["addresses"] for entry in found.values()] == [[name] for name in names]
    assert max(running) < 60
