# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDMA: which ports are right, and which device each GPU uses."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import rdma

ROCE = {
    "index": 3,
    "gid": "0000:0000:0000:0000:0000:ffff:0a00:0001",
    "type": "RoCE v2",
    "address": "10.0.0.1",
    "netdev": "eth1",
}
LINK_LOCAL = {
    "index": 1,
    "gid": "fe80:0000:0000:0000:0000:0000:0000:0001",
    "type": "RoCE v2",
    "address": None,
    "netdev": "eth1",
}
OLD = ROCE | {"index": 2, "type": "IB/RoCE v1"}
INFINIBAND = {
    "link_layer": "InfiniBand",
    "netdev": None,
    "netdev_mtu": None,
    "lid": 7,
    "gids": [LINK_LOCAL | {"type": "IB/RoCE v1"}],
}
DOWN = {"state": "DOWN", "physical_state": "Disabled", "usable": False}


def device(name: str, board: str = "MT_1", **port: Any) -> dict[str, Any]:
    """Return a device with a port that is right but for what is given."""
    told = {
        "port": 1,
        "state": "ACTIVE",
        "physical_state": "LinkUp",
        "link_layer": "Ethernet",
        "rate_gbps": 400.0,
        "lid": 0,
        "mtu": 4096,
        "netdev": "eth1",
        "netdev_mtu": 4200,
        "gids": [LINK_LOCAL, ROCE],
        "usable": True,
    }
    return {"name": name, "board": board, "ports": [told | port]}


def node(
    *devices: dict[str, Any], gpus: int = 0, nearest: dict[str, Any] | None = None, **driver: Any
) -> dict[str, Any]:
    """Return a host with these devices."""
    cards = [{"index": number, "pci": f"0000:{number:02x}:00.0"} for number in range(gpus)]
    return {"rdma": {"devices": list(devices), "nearest": nearest or {}}, "gpu": {"gpus": cards}, "driver": driver}


def found(host: dict[str, Any], **wanted: Any) -> list[tuple[str, str]]:
    """Return what was found, and the beginning of what was seen."""
    return [(finding.check, finding.seen) for finding in rdma.findings(host, rdma.Wanted(**wanted))]


def test_what_is_right() -> None:
    assert found(node(device("mlx5_0"), device("mlx5_1", **INFINIBAND))) == []
    assert found(node()) == []
    assert found({"rdma": None, "driver": None}) == []


def test_a_device_that_must_be_there() -> None:
    assert found(node(), required=True) == [("absent", "there is no RDMA device")]
    assert found(node(device("mlx5_0")), devices=("mlx5_0", "mlx5_9")) == [
        ("absent", "no RDMA device is called mlx5_9 (there are mlx5_0)")
    ]
    assert found(node(device("mlx5_0"), device("mlx5_1", **DOWN)), devices=("mlx5_0",)) == []


def test_a_port_that_is_down_beside_its_like_is_a_broken_link() -> None:
    broken = ("inactive", "port mlx5_1:1 is DOWN (Disabled)")
    assert found(node(device("mlx5_0"), device("mlx5_1", **DOWN))) == [broken]
    assert found(node(device("mlx5_0"), device("mlx5_1", "MT_2", **DOWN))) == []
    assert found(node(device("mlx5_0"), device("mlx5_1", "MT_2", **DOWN)), devices=("mlx5_*",)) == [broken]
    # Where no port is usable, all are told.
    assert found(node(device("mlx5_1", **DOWN))) == [broken]


@pytest.mark.parametrize(("physical", "by_hand"), [("Disabled", True), ("Polling", False)])
def test_only_a_port_that_is_switched_off_is_switched_on(physical: str, by_hand: bool) -> None:
    (finding,) = rdma.findings(node(device("mlx5_0", **DOWN | {"physical_state": physical})), rdma.Wanted())
    assert ("sudo ip link set eth1 up" in finding.remedy, "see its cable" in finding.remedy) == (by_hand, True)


def test_a_port_that_waits_for_the_subnet_manager() -> None:
    (finding,) = rdma.findings(node(device("mlx5_0", **INFINIBAND | {"state": "INIT", "usable": False})), rdma.Wanted())
    assert finding.seen == "port mlx5_0:1 is INIT (LinkUp)"
    assert "subnet manager" in finding.remedy


@pytest.mark.parametrize(
    ("gids", "seen"),
    [
        ([], "port mlx5_0:1 has no GID"),
        ([LINK_LOCAL], "port mlx5_0:1 has only GIDs of RoCE v2 without an address"),
        ([LINK_LOCAL, OLD], "port mlx5_0:1 has only GIDs of IB/RoCE v1 and RoCE v2 without an address"),
    ],
)
def test_gids(gids: list[dict[str, Any]], seen: str) -> None:
    assert found(node(device("mlx5_0", gids=gids, usable=bool(gids)))) == [("gid", seen)]


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("3", None),
        ("-1", None),
        ("auto", None),
        ("1", "NCCL_IB_GID_INDEX is 1, and GID 1 of port mlx5_0:1 is RoCE v2 fe80:0000:0000:0000:0000:0000:0000:0001"),
        (
            "2",
            "NCCL_IB_GID_INDEX is 2, and GID 2 of port mlx5_0:1 is IB/RoCE v1 0000:0000:0000:0000:0000:ffff:0a00:0001",
        ),
        ("9", "NCCL_IB_GID_INDEX is 9, and GID 9 of port mlx5_0:1 is not there"),
        ("", "NCCL_IB_GID_INDEX is empty, which is 0, and GID 0 of port mlx5_0:1 is not there"),
    ],
)
def test_a_gid_that_is_named_by_its_index(value: str, seen: str | None) -> None:
    host = node(device("mlx5_0", gids=[LINK_LOCAL, OLD, ROCE]))
    # The same in two units is told once, and what no library reads is none of ours.
    indexes = rdma.gid_indexes([{"NCCL_IB_GID_INDEX": value}, {"NCCL_IB_GID_INDEX": value, "A_GID_INDEX": "9"}])
    assert found(host, gid_indexes=indexes) == ([("gid_index", seen)] if seen else [])


def test_the_sentence_about_an_index_names_the_right_one() -> None:
    (finding,) = rdma.findings(node(device("mlx5_0")), rdma.Wanted(gid_indexes=(("MC_GID_INDEX", "0"),)))
    assert finding.told("gpu01")["text"] == (
        "gpu01: MC_GID_INDEX is 0, and GID 0 of port mlx5_0:1 is not there, but GID 3, RoCE v2 with an address, is needed; "
        "leave MC_GID_INDEX unset, so that the library chooses, or set it to 3 in sglang_host_env of this host"
    )


def test_an_index_on_infiniband_and_on_a_port_that_is_wrong_anyway() -> None:
    fabric = node(device("mlx5_0", **INFINIBAND))
    assert found(fabric, gid_indexes=(("NCCL_IB_GID_INDEX", "1"),)) == []
    assert [check for check, _seen in found(fabric, gid_indexes=(("NCCL_IB_GID_INDEX", "3"),))] == ["gid_index"]
    assert [
        check for check, _seen in found(node(device("mlx5_0", gids=[])), gid_indexes=(("NCCL_IB_GID_INDEX", "3"),))
    ] == ["gid"]


def test_a_lid_of_infiniband() -> None:
    assert found(node(device("mlx5_0", **INFINIBAND | {"lid": 0, "usable": False}))) == [
        ("lid", "port mlx5_0:1 has no LID")
    ]


def test_rates_of_one_board_are_the_same() -> None:
    slow = device("mlx5_1", rate_gbps=100.0)
    assert found(node(device("mlx5_0"), slow)) == [("rate", "port mlx5_1:1 runs at 100 Gbit/s")]
    assert found(node(device("mlx5_0"), device("mlx5_1", "MT_2", rate_gbps=100.0))) == []
    assert [check for check, _seen in found(node(slow), minimum_rate=200)] == ["rate"]


def test_a_small_mtu() -> None:
    small = node(device("mlx5_0", mtu=1024, netdev_mtu=1500))
    assert found(small, minimum_mtu=1024) == []
    assert found(small, minimum_mtu=4096) == [("mtu", "port mlx5_0:1 has an RDMA MTU of 1024 over eth1 with 1500")]


def test_the_way_to_the_memory_of_gpus() -> None:
    host = node(device("mlx5_0"), kernel_module="580.95.05", peermem=None, dmabuf=True)
    assert found(host) == [("peermem", "nvidia_peermem is not loaded")]
    assert found(host, peermem=False) == []
    assert found(node(device("mlx5_0"), kernel_module="580.95.05", peermem=None, dmabuf=False), peermem=False) != []
    assert found(node(device("mlx5_0"), kernel_module="580.95.05", peermem="nvidia_peermem", dmabuf=False)) == []
    # Without a port that works, and without a driver, nobody needs it.
    assert found(node(device("mlx5_0"), kernel_module=None)) == []


def test_each_gpu_has_its_nearest_device_and_neighbours_take_turns() -> None:
    pair = {"devices": ["mlx5_0", "mlx5_1"], "distance": "PIX"}
    nearest = {
        "0000:00:00.0": pair,
        "0000:01:00.0": pair,
        "0000:02:00.0": {"devices": ["mlx5_2"], "distance": "PIX"},
        "0000:03:00.0": {"devices": ["mlx5_9"], "distance": "PIX"},
    }
    devices = [device(f"mlx5_{number}") for number in range(4)]
    assert rdma.devices(node(*devices, gpus=4, nearest=nearest), ()) == {
        "by_gpu": {"0": "mlx5_0", "1": "mlx5_1", "2": "mlx5_2"},
        "ib_device": "mlx5_0,mlx5_1,mlx5_2",
        "nccl_ib_hca": "=mlx5_0:1,mlx5_1:1,mlx5_2:1",
        "ucx_net_devices": "mlx5_0:1,mlx5_1:1,mlx5_2:1",
    }


def test_a_host_without_gpus_has_all_usable_devices_and_one_without_devices_has_none() -> None:
    assert rdma.devices(node(device("mlx5_0"), device("mlx5_1", **DOWN)), ())["ib_device"] == "mlx5_0"
    assert rdma.devices(node(device("mlx5_0"), device("mlx5_1")), ["mlx5_1"])["nccl_ib_hca"] == "=mlx5_1:1"
    assert rdma.devices(node(), ()) == {"by_gpu": {}, "ib_device": "", "nccl_ib_hca": "", "ucx_net_devices": ""}
