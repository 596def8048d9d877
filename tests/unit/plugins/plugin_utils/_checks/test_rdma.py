# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDMA: which ports have errors."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import rdma

from tests.unit.plugins.plugin_utils._checks.hosts import (
    DOWN,
    INFINIBAND,
    LINK_LOCAL_GID,
    OLD_GID,
    ROCE_GID,
    device,
    fabric,
    planned,
    unit,
)

ROCE, LINK_LOCAL, OLD = ROCE_GID, LINK_LOCAL_GID, OLD_GID


def found(facts: dict[str, Any], environment: dict[str, str] | None = None, **wanted: Any) -> list[tuple[str, str]]:
    """Return the checks that failed, and what was found."""
    entry = planned(units=[unit(**environment or {}), unit(**environment or {})])
    return [(finding.check, finding.found) for finding in rdma.findings(facts, entry, rdma.Wanted(**wanted))]


def checks(facts: dict[str, Any], environment: dict[str, str] | None = None, **wanted: Any) -> list[str]:
    """Return the checks that failed."""
    return [check for check, _found in found(facts, environment, **wanted)]


def test_what_has_no_errors() -> None:
    assert found(fabric(device("mlx5_0"), device("mlx5_1", **INFINIBAND))) == []
    assert found(fabric()) == []
    assert found({"rdma": None, "driver": None}) == []


def test_a_device_that_must_be_present() -> None:
    assert found(fabric(), required=True) == [("absent", "no RDMA device")]
    assert found(fabric(device("mlx5_0")), devices=("mlx5_0", "mlx5_9")) == [("absent", "RDMA devices: mlx5_0")]
    assert found(fabric(device("mlx5_0"), device("mlx5_1", **DOWN)), devices=("mlx5_0",)) == []


def test_a_port_that_is_down_beside_others_of_its_board_is_a_broken_link() -> None:
    broken = [("inactive", "RDMA port mlx5_1:1 is DOWN, Disabled")]
    assert found(fabric(device("mlx5_0"), device("mlx5_1", **DOWN))) == broken
    assert found(fabric(device("mlx5_0"), device("mlx5_1", "MT_2", **DOWN))) == []
    assert found(fabric(device("mlx5_0"), device("mlx5_1", "MT_2", **DOWN)), devices=("mlx5_*",)) == broken
    # If no port is usable, all are reported.
    assert found(fabric(device("mlx5_1", **DOWN))) == broken


@pytest.mark.parametrize(
    ("gids", "expected"),
    [
        ([], "no GID"),
        ([LINK_LOCAL], "only GIDs of RoCE v2 without an address"),
        ([LINK_LOCAL, OLD], "only GIDs of IB/RoCE v1 and RoCE v2 without an address"),
    ],
)
def test_gids(gids: list[dict[str, Any]], expected: str) -> None:
    facts = fabric(device("mlx5_0", gids=gids, usable=bool(gids)))
    assert found(facts) == [("gid", f"RDMA port mlx5_0:1 has {expected}")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("3", []), ("-1", []), ("auto", []), *((value, ["gid_index"]) for value in ("1", "2", "9", ""))],
)
def test_a_gid_that_is_selected_by_its_index(value: str, expected: list[str]) -> None:
    # The same in two units is reported once, and what no library reads is ignored.
    environment = {"NCCL_IB_GID_INDEX": value, "A_GID_INDEX": "9"}
    assert checks(fabric(device("mlx5_0", gids=[LINK_LOCAL, OLD, ROCE])), environment) == expected


def test_an_index_on_infiniband_and_on_a_port_with_another_error() -> None:
    infiniband = fabric(device("mlx5_0", **INFINIBAND))
    assert checks(infiniband, {"NCCL_IB_GID_INDEX": "1"}) == []
    assert checks(infiniband, {"NCCL_IB_GID_INDEX": "3"}) == ["gid_index"]
    assert checks(fabric(device("mlx5_0", gids=[])), {"NCCL_IB_GID_INDEX": "3"}) == ["gid"]


def test_a_lid_of_infiniband() -> None:
    assert checks(fabric(device("mlx5_0", **INFINIBAND | {"lid": 0, "usable": False}))) == ["lid"]


def test_rates_of_one_board_are_the_same() -> None:
    slow = device("mlx5_1", rate_gbps=100.0)
    assert found(fabric(device("mlx5_0"), slow)) == [("rate", "RDMA port mlx5_1:1 runs at 100 Gbit/s")]
    assert checks(fabric(device("mlx5_0"), device("mlx5_1", "MT_2", rate_gbps=100.0))) == []
    assert checks(fabric(slow), minimum_rate=200) == ["rate"]


def test_a_small_mtu() -> None:
    small = fabric(device("mlx5_0", mtu=1024, netdev_mtu=1500))
    assert checks(small, minimum_mtu=1024) == []
    assert found(small, minimum_mtu=4096) == [("mtu", "RDMA port mlx5_0:1 has RDMA MTU 1024 over eth1 with MTU 1500")]


def test_access_to_the_memory_of_gpus() -> None:
    absent = {"kernel_module": "580.95.05", "peermem": None}
    facts = fabric(device("mlx5_0"), **absent, dmabuf=True)
    assert checks(facts) == ["peermem"]
    assert checks(facts, peermem=False) == []
    assert checks(fabric(device("mlx5_0"), **absent, dmabuf=False), peermem=False) == ["peermem"]
    assert checks(fabric(device("mlx5_0"), **absent | {"peermem": "nvidia_peermem"}, dmabuf=False)) == []
    # Without a working port, or without a driver, nobody needs it.
    assert checks(fabric(device("mlx5_0"), kernel_module=None)) == []
    assert checks(fabric(**absent)) == []
