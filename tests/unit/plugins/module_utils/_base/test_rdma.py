# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nearest RDMA device of each GPU: what node_info reports is what a unit uses."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import pci, rdma
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._node import rdma as node_rdma
from ansible_collections.multinode.sglang.plugins.module_utils._prestart import Refusal
from ansible_collections.multinode.sglang.plugins.module_utils._prestart import rdma as unit_rdma

Host = Callable[[str], Root]
BUS = "/sys/devices/pci0000:16/0000:16:01.0/0000:17:00.0"
PORT = """{path}/ports/1/state = 4: ACTIVE
{path}/ports/1/link_layer = Ethernet
{path}/ports/1/gids/0 = fe80:0000:0000:0000:9c63:c003:00a1:b2c4
{path}/ports/1/gid_attrs/types/0 = RoCE v2
"""


def gpu(address: str, bridge: str) -> str:
    """Return the files of a GPU below a bridge of the switch."""
    real = f"{BUS}/{bridge}/{address}"
    files = f"{real}/vendor = 0x10de\n{real}/class = 0x030200\n{real}/numa_node = 0\n"
    return files + f"/sys/bus/pci/devices/{address} -> ../../../{real[5:]}\n"


def nic(name: str, address: str, bridge: str) -> str:
    """Return the files of an RDMA device below a bridge of the switch."""
    real = f"{BUS}/{bridge}/{address}"
    path = f"/sys/class/infiniband/{name}"
    return f"{real}/numa_node = 0\n{path}/device -> ../../../{real[5:]}\n" + PORT.format(path=path)


def reported(root: Root) -> dict[str, str]:
    """Return number of a GPU -> device, as node_info reports it."""
    commands = Commands(lambda *_words, **_more: (1, "", ""), lambda _name: None, 1)
    found, _problems = node_rdma.gather(root, commands, pci.numbered_gpus(root))
    return {str(one["gpu"]): one["device"] for one in found["nearest"].values()}


def used(root: Root, folder: Path, *patterns: str, gpus: str = "0,1", **environ: str) -> tuple[Any, str]:
    """Return the mapping that a unit writes, and its rdma.env."""
    file = folder / "ib_devices.json"
    args = argparse.Namespace(gpus=gpus, devices_file=str(file), patterns=patterns)
    unit_rdma.look(args, root, {"RUNTIME_DIRECTORY": str(folder), **environ})
    return json.loads(file.read_text()), (folder / "rdma.env").read_text()


@pytest.fixture
def twelve(host_files: Host) -> Root:
    """A host with two GPUs and twelve RDMA devices; mlx5_2 and mlx5_10 are behind the switch of both GPUs."""
    near = {2: "0000:1a:00.0", 10: "0000:1c:00.0"}
    tree = gpu("0000:19:00.0", "0000:18:00.0") + gpu("0000:1b:00.0", "0000:18:01.0")
    tree += "".join(nic(f"mlx5_{number}", place, f"0000:18:0{number % 8 + 2}.0") for number, place in near.items())
    far = [number for number in range(12) if number not in near]
    return host_files(tree + "".join(_far(f"mlx5_{number}", number) for number in far))


def _far(name: str, number: int) -> str:
    real = f"/sys/devices/pci0000:c0/0000:c0:01.0/0000:{number + 0xC1:02x}:00.0"
    path = f"/sys/class/infiniband/{name}"
    return f"{real}/numa_node = 1\n{path}/device -> ../../../{real[5:]}\n" + PORT.format(path=path)


def test_two_gpus_behind_one_switch_have_a_device_each_and_the_report_agrees(twelve: Root, tmp_path: Path) -> None:
    assert reported(twelve) == {"0": "mlx5_2", "1": "mlx5_10"}
    mapping, environment = used(twelve, tmp_path)
    assert mapping == reported(twelve)
    assert environment == 'NCCL_IB_HCA="=mlx5_2:1,mlx5_10:1"\n'


@pytest.mark.parametrize(("gpus", "mapping"), [("1", {"0": "mlx5_10"}), ("1,0", {"0": "mlx5_10", "1": "mlx5_2"})])
def test_a_server_that_sees_some_gpus_only_counts_these(
    twelve: Root, tmp_path: Path, gpus: str, mapping: dict[str, str]
) -> None:
    assert used(twelve, tmp_path, gpus=gpus, CUDA_VISIBLE_DEVICES=gpus)[0] == mapping
    assert used(twelve, tmp_path, gpus=gpus)[0] == reported(twelve)


@pytest.mark.parametrize("tree", ["infiniband.tree", "roce_bond.tree"])
def test_the_report_agrees_on_recorded_hosts(host_files: Host, tmp_path: Path, tree: str) -> None:
    root = host_files(tree)
    assert used(root, tmp_path)[0] == reported(root) != {}


def test_a_gpu_of_another_driver_has_no_number_and_a_lost_one_keeps_its_own(twelve: Root, tmp_path: Path) -> None:
    driver = tmp_path / "proc/driver/nvidia/gpus"
    # Both are with NVIDIA's driver, and stay there when one is lost.
    for address in ("0000:19:00.0", "0000:1b:00.0"):
        (driver / address).mkdir(parents=True)
    assert [one.address for one in pci.numbered_gpus(twelve)] == ["0000:19:00.0", "0000:1b:00.0"]
    # The first one belongs to vfio-pci: nvidia-smi and CUDA count from the second one.
    (driver / "0000:19:00.0").rmdir()
    assert reported(twelve) == used(twelve, tmp_path)[0] == {"0": "mlx5_2"}


def test_gpus_have_the_order_of_their_hexadecimal_addresses(host_files: Host) -> None:
    addresses = ["0000:19:00.0", "0000:1b:00.0", "0000:9a:00.0", "0000:ba:00.0"]
    root = host_files("".join(gpu(address, "0000:18:00.0") for address in reversed(addresses)))
    assert [one.address for one in pci.numbered_gpus(root)] == addresses


def test_what_the_unit_sets_itself_stays(twelve: Root, tmp_path: Path) -> None:
    assert used(twelve, tmp_path, NCCL_IB_HCA="mlx5_7")[1] == ""


def test_only_devices_that_may_be_used(twelve: Root, tmp_path: Path) -> None:
    assert used(twelve, tmp_path, "mlx5_1*")[0] == {"0": "mlx5_10", "1": "mlx5_10"}
    with pytest.raises(Refusal, match=r"\(this host has: mlx5_0, mlx5_1, mlx5_2, .* and 4 more\)"):
        used(twelve, tmp_path, "none_*")


def test_a_host_without_devices_is_refused_only_where_they_are_needed(host_files: Host, tmp_path: Path) -> None:
    root = host_files("")
    args = argparse.Namespace(gpus="0", devices_file=None, patterns=())
    assert unit_rdma.look(args, root, {"RUNTIME_DIRECTORY": str(tmp_path)}) == []
    assert (tmp_path / "rdma.env").read_text() == ""
    with pytest.raises(Refusal, match=r"no usable RDMA device is near its GPUs \(this host has: none\)"):
        used(root, tmp_path)


@pytest.mark.parametrize(
    ("state", "layer", "lid", "used_gids", "usable"),
    [
        ("ACTIVE", "Ethernet", 0, [1], True),
        ("ACTIVE", "InfiniBand", 31, [1], True),
        ("ACTIVE", "InfiniBand", 0, [1], False),
        ("DOWN", "Ethernet", 0, [1], False),
        ("ACTIVE", "Ethernet", 0, [], False),
    ],
)
def test_a_usable_port(state: str, layer: str, lid: int, used_gids: list[int], usable: bool) -> None:
    assert rdma.is_usable(state, layer, lid, used_gids) is usable
