# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDMA devices: RoCE over a bond, InfiniBand with and without a LID, soft-RoCE, and a port that is down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import pci
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._node import rdma

Recorded = Callable[[str], str]
Host = Callable[[str], Root]
Answering = Callable[..., Commands]


def ports(root: Root, commands: Commands) -> dict[str, dict[str, Any]]:
    """Return the first port of each device."""
    found, problems = rdma.gather(root, commands, [])
    assert problems == []
    return {device["name"]: device["ports"][0] for device in found["devices"]}


def test_roce_over_a_bond(host_files: Host, answering: Answering) -> None:
    found = ports(host_files("roce_bond.tree"), answering({}))
    port = found["mlx5_bond_0"]
    gids = port.pop("gids")
    assert port == {
        "port": 1, "state": "ACTIVE", "physical_state": "LinkUp", "link_layer": "Ethernet",
        "rate_gbps": 400.0, "lid": 0,
        "netdev": "bond0",
        "netdev_mtu": 9000, "mtu": 4096, "usable": True,
    }  # fmt: skip
    assert [(gid["index"], gid["type"], gid["address"]) for gid in gids] == [
        (0, "IB/RoCE v1", None),
        (1, "RoCE v2", None),
        (2, "IB/RoCE v1", "10.0.0.1"),
        (3, "RoCE v2", "10.0.0.1"),
    ]


def test_a_port_that_is_down_is_not_usable(host_files: Host, answering: Answering) -> None:
    port = ports(host_files("roce_bond.tree"), answering({}))["mlx5_1"]
    assert (port["state"], port["physical_state"], port["gids"], port["usable"]) == ("DOWN", "Disabled", [], False)


def test_infiniband_needs_a_lid(host_files: Host, recorded: Recorded, answering: Answering) -> None:
    found = ports(host_files("infiniband.tree"), answering({"ibv_devinfo": (0, recorded("ibv_devinfo.txt"))}))
    assert [(port["lid"], port["usable"]) for port in found.values()] == [(31, True), (0, False)]
    assert [port["mtu"] for port in found.values()] == [4096, 2048]
    assert (found["mlx5_0"]["netdev"], found["mlx5_0"]["netdev_mtu"]) == ("ibs1", 4092)


def test_without_ibv_devinfo_the_mtu_of_infiniband_is_unknown(host_files: Host, answering: Answering) -> None:
    assert ports(host_files("infiniband.tree"), answering({}))["mlx5_0"]["mtu"] is None


def test_soft_roce_has_no_pci_device(host_files: Host, recorded: Recorded, answering: Answering) -> None:
    commands = answering({"ibv_devinfo": (0, recorded("ibv_devinfo_soft_roce.txt"))})
    found, problems = rdma.gather(host_files("soft_roce.tree"), commands, [])
    (device,) = found["devices"]
    (port,) = device.pop("ports")
    assert (device, problems) == ({"name": "rxe0", "pci": None, "numa_node": None, "firmware": None, "board": None}, [])
    assert [(gid["index"], gid["type"], gid["address"], gid["netdev"]) for gid in port.pop("gids")] == [
        (0, "RoCE v2", None, "eth1"),
        (1, "RoCE v2", "10.79.0.11", "eth1"),
    ]
    assert port == {
        "port": 1, "state": "ACTIVE", "physical_state": "LinkUp", "link_layer": "Ethernet", "rate_gbps": 2.5, "lid": 0,
        "netdev": "eth1",
        "netdev_mtu": 1500, "mtu": 1024, "usable": True,
    }  # fmt: skip


def test_soft_roce_over_an_interface_that_is_down(host_files: Host, answering: Answering) -> None:
    port = ports(host_files("soft_roce_down.tree"), answering({}))["rxe0"]
    # The link-local GID stays, so a GID does not tell that a port carries data.
    assert [gid["gid"] for gid in port["gids"]] == ["fe80:0000:0000:0000:5054:00ff:fe00:7901"]
    assert (port["state"], port["physical_state"], port["netdev"], port["usable"]) == (
        "DOWN",
        "Disabled",
        "eth1",
        False,
    )


def test_the_nearest_usable_device_of_each_gpu(host_files: Host, answering: Answering) -> None:
    root = host_files("infiniband.tree")
    gpus = pci.nvidia_devices(root)[0]
    found, _unused = rdma.gather(root, answering({}), gpus)
    # The second GPU has its own device, but that one has no LID.
    assert found["nearest"] == {
        "0000:19:00.0": {"gpu": 0, "device": "mlx5_0", "devices": ["mlx5_0"], "distance": "PIX"},
        "0000:3b:00.0": {"gpu": 1, "device": "mlx5_0", "devices": ["mlx5_0"], "distance": "SYS"},
    }


def test_a_host_without_rdma_asks_no_command(host_files: Host) -> None:
    def fail(*_words: object, **_options: object) -> tuple[int, str, str]:
        raise AssertionError

    commands = Commands(fail, lambda name: name, 1)
    assert rdma.gather(host_files(""), commands, []) == ({"devices": [], "nearest": {}}, [])


@pytest.mark.parametrize(
    ("netdev", "mtu"), [(1500, 1024), (9000, 4096), (4192, 4096), (4191, 2048), (300, None), (None, None)]
)
def test_the_mtu_of_roce(netdev: int | None, mtu: int | None) -> None:
    assert rdma.roce_mtu(netdev) == mtu


@pytest.mark.parametrize(
    ("gid", "address"),
    [("0000:0000:0000:0000:0000:ffff:c0a8:0afe", "192.168.10.254"), ("fe80:0000:0000:0000:0000:ffff:c0a8:0afe", None)],
)
def test_the_address_in_a_gid(gid: str, address: str | None) -> None:
    assert rdma.gid_address(gid) == address
