# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How near PCI devices are to each other."""

from __future__ import annotations

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import pci
from ansible_collections.multinode.sglang.plugins.module_utils._base.pci import Device

ROOT = "/sys/devices/"
SWITCH = "pci0000:16/0000:16:01.0/0000:17:00.0"


def at(path: str, node: int | None = 0) -> Device:
    """A device at a path below the buses."""
    return Device(path.rpartition("/")[2], pci.chain_of(ROOT + path), node)


@pytest.mark.parametrize(
    ("left", "right", "word"),
    [
        (at(f"{SWITCH}/0000:18:00.0/0000:19:00.0"), at(f"{SWITCH}/0000:18:01.0/0000:1a:00.0"), "PIX"),
        (at(f"{SWITCH}/0000:18:00.0/0000:19:00.0"), at(f"{SWITCH}/0000:18:00.0/0000:19:00.1"), "PIX"),
        (
            at(f"{SWITCH}/0000:18:00.0/0000:19:00.0"),
            at(f"{SWITCH}/0000:18:01.0/0000:1a:00.0/0000:1b:00.0/0000:1c:00.0"),
            "PXB",
        ),
        (at("pci0000:16/0000:16:01.0/0000:17:00.0"), at("pci0000:16/0000:16:02.0/0000:18:00.0"), "PHB"),
        (at("pci0000:16/0000:16:01.0/0000:17:00.0"), at("pci0000:36/0000:36:01.0/0000:37:00.0"), "NODE"),
        (at("pci0000:16/0000:16:01.0/0000:17:00.0"), at("pci0000:36/0000:36:01.0/0000:37:00.0", 1), "SYS"),
        (at("pci0000:16/0000:16:01.0/0000:17:00.0", None), at("pci0000:36/0000:36:01.0/0000:37:00.0", None), "SYS"),
        (at(f"{SWITCH}/0000:18:00.0/0000:19:00.0"), Device("", (), None), "SYS"),
    ],
)
def test_distance(left: Device, right: Device, word: str) -> None:
    pair = (left, right)
    assert pci.distance(*pair) == pci.distance(*reversed(pair)) == word


def test_the_nearest_are_all_that_are_equally_near() -> None:
    gpu = at(f"{SWITCH}/0000:18:00.0/0000:19:00.0")
    near, also, far = (
        at(f"{SWITCH}/0000:18:01.0/0000:1a:00.0"),
        at(f"{SWITCH}/0000:18:02.0/0000:1b:00.0"),
        at("pci0000:36/0000:37:00.0", 1),
    )
    assert pci.nearest(gpu, {"far": far, "near": near, "also": also}) == (["near", "also"], "PIX")
    assert pci.nearest(gpu, {}) == ([], None)


@pytest.mark.parametrize(
    ("text", "address"),
    [("00000000:3B:00.0", "0000:3b:00.0"), ("0000000F:01:00.0", "000f:01:00.0"), ("0000:19:00.0", "0000:19:00.0")],
)
def test_addresses_are_those_of_the_kernel(text: str, address: str) -> None:
    assert pci.normal_address(text) == address
