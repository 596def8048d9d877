# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDMA between two kernels: it carries data, and each fault is reported with a fix that works."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import PACKAGES, Fabric, installed, settles
from .guests import Guest, command_of

ACTIVE = "ibv_devinfo -d rxe0 | grep -q PORT_ACTIVE"
JUMBO = 4200
PREFLIGHT = "../../playbooks/preflight"


def port(fabric: Fabric, guest: Guest) -> dict[str, Any]:
    """Return the only port of a guest as node_info saw it in the last play."""
    (device,) = fabric.report(guest)["node"]["rdma"]["devices"]
    assert (device["name"], device["pci"], device["board"]) == ("rxe0", None, None)
    (only,) = device["ports"]
    return dict(only)


def test_the_role_judges_bare_guests_and_installs_the_packages(bare: Fabric) -> None:
    assert [installed(guest) for guest in bare.guests] == [set(), set()]
    # Soft-RoCE is in the kernel, so the ports are right before any program is there.
    bare.rdma()
    bare.rdma(rdma_install=True)
    assert [installed(guest) for guest in bare.guests] == [set(PACKAGES)] * 2
    assert bare.rdma(rdma_install=True).count("changed") == [0, 0]


def test_node_info_sees_the_real_device(fabric: Fabric) -> None:
    for guest in fabric.guests:
        seen = port(fabric, guest)
        gids = seen.pop("gids")
        assert seen == {
            "port": 1, "state": "ACTIVE", "physical_state": "LinkUp", "link_layer": "Ethernet", "rate_gbps": 2.5,
            "lid": 0, "netdev": "eth1", "netdev_mtu": 1500, "mtu": 1024, "usable": True,
        }  # fmt: skip
        by_hand = guest.run("ibv_devinfo -v -d rxe0")
        assert "active_mtu:\t\t1024" in by_hand
        assert [(gid["index"], gid["type"], gid["address"], gid["netdev"]) for gid in gids] == [
            (0, "RoCE v2", None, "eth1"),
            (1, "RoCE v2", guest.address, "eth1"),
        ]
        assert re.search(rf"GID\[\s*1\]:\s*::ffff:{guest.address}, RoCE v2", by_hand)


def test_data_goes_over_the_gid_that_was_seen(fabric: Fabric) -> None:
    server, client = fabric.guests
    (index,) = {
        gid["index"]
        for guest in fabric.guests
        for gid in port(fabric, guest)["gids"]
        if gid["address"] == guest.address
    }
    words = f"ib_write_bw --ib-dev=rxe0 --ib-port=1 --gid-index={index} --size=65536 --iters=20"
    listening = subprocess.Popen(
        server.ssh(f"timeout 120 {words}"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        settles(server, "ss -Hltn sport = 18515 | grep -q 18515")
        output = client.run(f"timeout 120 {words} {server.address}")
        assert listening.wait(120) == 0
    finally:
        listening.kill()
    row = re.search(r"^\s*65536\s+20\s+([\d.]+)\s+([\d.]+)", output, re.MULTILINE)
    assert row, output
    assert float(row[2]) > 0
    print(f"ib_write_bw: {row[2]} MB/s on average")


@pytest.fixture
def broken(fabric: Fabric) -> Iterator[Guest]:
    """The guest that a fault is made on; afterwards both are as they were, whatever the test did."""
    guest = fabric.guests[0]
    yield guest
    guest.cable(True)
    for one in fabric.guests:
        one.attempt("nft flush ruleset")
        one.attempt("rdma link show rxe0/1 || rdma link add rxe0 type rxe netdev eth1")
        one.run(f"ip link set eth1 up mtu 1500 && ip address replace {one.address}/24 dev eth1")
        settles(one, ACTIVE)


def refused(fabric: Fabric, guest: Guest, **variables: Any) -> str:
    """Return the sentence with which the role refuses one guest; the other one is right."""
    play = fabric.rdma(succeeds=False, **variables)
    assert play.count("failed") == [int(one is guest) for one in fabric.guests], play.output
    assert play.refused.count("\n") == 0, play.refused
    return play.refused


def test_a_link_that_is_down_is_named_and_mended_as_told(fabric: Fabric, broken: Guest) -> None:
    broken.run("ip link set eth1 down")
    told = refused(fabric, broken)
    assert told.startswith("guest1  RDMA port rxe0:1 is DOWN, Disabled (expected ACTIVE). Fix: ")
    assert command_of(told) == "sudo ip link set eth1 up"
    broken.run(command_of(told))
    settles(broken, ACTIVE)
    fabric.rdma()


def test_a_cable_that_is_out_is_named(fabric: Fabric, broken: Guest) -> None:
    broken.cable(False)
    settles(broken, f"! {ACTIVE}")
    assert refused(fabric, broken).startswith(
        "guest1  RDMA port rxe0:1 is DOWN, Polling (expected ACTIVE). Fix: check its cable and its switch port"
    )
    broken.cable(True)
    settles(broken, ACTIVE)
    fabric.rdma()


def test_a_device_that_is_gone_is_named(fabric: Fabric, broken: Guest) -> None:
    broken.run("rdma link delete rxe0")
    assert refused(fabric, broken).startswith(
        "guest1  no RDMA device (expected at least one, see rdma_required). Fix: "
    )


def test_a_port_without_an_address_is_named_and_mended_as_told(fabric: Fabric, broken: Guest) -> None:
    broken.run("ip address flush dev eth1 scope global")
    told = refused(fabric, broken)
    assert told.startswith(
        "guest1  RDMA port rxe0:1 has only GIDs of RoCE v2 without an address (expected a GID of RoCE v2 with an "
    )
    broken.run(command_of(told).replace("ADDRESS/PREFIX", f"{broken.address}/24"))
    fabric.rdma()


@pytest.mark.parametrize(
    ("index", "there"), [("7", "RDMA port rxe0:1 has no GID 7"), ("0", "GID 0 of RDMA port rxe0:1 is RoCE v2 fe80:")]
)
def test_a_wrong_gid_index_is_named(fabric: Fabric, index: str, there: str) -> None:
    play = fabric.rdma(succeeds=False, sglang_host_env={"NCCL_IB_GID_INDEX": index})
    for guest, told in zip(fabric.guests, play.refused.splitlines(), strict=True):
        assert told.startswith(f"{guest.name}  NCCL_IB_GID_INDEX is {index}, and {there}")
        assert "(expected GID 1, RoCE v2 with an address). Fix: unset NCCL_IB_GID_INDEX" in told
        assert "or set it to 1 in sglang_host_env" in told


def test_the_gid_index_that_the_sentence_names_is_right(fabric: Fabric) -> None:
    fabric.rdma(sglang_host_env={"NCCL_IB_GID_INDEX": "1"}, rdma_devices=["rxe*"])


def test_a_small_rdma_mtu_is_named_and_mended_as_told(fabric: Fabric, broken: Guest) -> None:
    fabric.guests[1].run(f"ip link set eth1 mtu {JUMBO}")
    told = refused(fabric, broken, rdma_minimum_mtu=4096)
    assert told.startswith(
        "guest1  RDMA port rxe0:1 has RDMA MTU 1024 over eth1 with MTU 1500 (expected at least 4096, see rdma_min"
    )
    assert command_of(told) == f"sudo ip link set eth1 mtu {JUMBO}"
    broken.run(command_of(told))
    fabric.rdma(rdma_minimum_mtu=4096)
    assert [port(fabric, guest)["mtu"] for guest in fabric.guests] == [4096, 4096]


def test_a_path_that_is_too_narrow_is_named_and_taken_back(fabric: Fabric, broken: Guest) -> None:
    # What a switch with a small MTU does: it drops what is larger, and says nothing.
    hook = "type filter hook ingress device eth1 priority 0"
    broken.run(f"nft 'table netdev narrow {{ chain in {{ {hook}; meta length > 1500 drop; }}; }}'")
    play = fabric.play("mtu", succeeds=False, node_tuning_mtu=JUMBO)
    for guest, peer in zip(fabric.guests, reversed(fabric.guests), strict=True):
        (told,) = [
            line
            for line in play.refused.splitlines()
            if f"{peer.address}: no answer to packets of {JUMBO} bytes" in line
        ]
        assert told.startswith(f"{guest.name}  ")
        assert guest.run("cat /sys/class/net/eth1/mtu").strip() == "1500"
    broken.run("nft flush ruleset")
    fabric.play("mtu", node_tuning_mtu=JUMBO)
    assert [guest.run("cat /sys/class/net/eth1/mtu").strip() for guest in fabric.guests] == [str(JUMBO)] * 2


def test_the_guests_can_serve_files(bare: Fabric) -> None:
    for guest in bare.guests:
        guest.run("modprobe nfsd && modprobe nfs && grep -qw nfsd /proc/filesystems && grep -qw nfs4 /proc/filesystems")


def test_preflight_shows_the_devices_and_names_a_cable_that_is_out(fabric: Fabric, broken: Guest) -> None:
    told: dict[str, Any] = {
        "preflight_gpus": False,
        "preflight_free_gib": {},
        "preflight_peer_timeout": 30,
        "preflight_resolver_seconds": 60,
    }
    assert "2 of 2 hosts are ok" in (right := fabric.play(PREFLIGHT, **told).output)
    assert len(re.findall(r"^guest\d .* 1 x 2\.5G .* ok$", right, re.MULTILINE)) == 2, right
    broken.cable(False)
    settles(broken, f"! {ACTIVE}")
    wrong = fabric.play(PREFLIGHT, succeeds=False, **told).output
    assert "ERROR  guest1  RDMA port rxe0:1 is DOWN, Polling (expected ACTIVE)" in wrong
    assert re.search(r"^ERROR  guest2  ports 20000\S* of \S+ are unreachable from guest1", wrong, re.MULTILINE), wrong
