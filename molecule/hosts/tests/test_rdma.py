# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDMA: the distribution's packages are really installed, and ports, GIDs, rate, MTU and peermem are judged."""

import pytest
from machines import FROM_HERE, fresh, installed, looks, publish, roles, sentences

ONLY = ("--tags", "rdma")
PACKAGES = ("rdma-core", "ibverbs-utils", "perftest", "infiniband-diags")
PORT = "/sys/class/infiniband/mlx5_0/ports/1"
# Nothing listens on port 9, and lists that were read before are gone.
DEAD_MIRROR = """
set -e
mv /etc/apt/sources.list.d /etc/apt/sources.away && mkdir /etc/apt/sources.list.d
echo "deb [trusted=yes] http://127.0.0.1:9/ ./" > /etc/apt/sources.list.d/dead.list
rm -rf /var/lib/apt/lists/*
"""
MIRROR_AGAIN = "rm -r /etc/apt/sources.list.d && mv /etc/apt/sources.away /etc/apt/sources.list.d"
# The kernel's view of a device, laid over its own: what is written there is on a file system of the host.
DEVICE = f"""
set -e
mkdir -p /run/rdma && mount -t tmpfs none /run/rdma && mkdir /run/rdma/upper /run/rdma/work
mount -t overlay none -o lowerdir=/sys/class,upperdir=/run/rdma/upper,workdir=/run/rdma/work /sys/class
mkdir -p {PORT}/gids {PORT}/gid_attrs/types {PORT}/gid_attrs/ndevs
cd {PORT}
echo 4: ACTIVE > state; echo 5: LinkUp > phys_state; echo Ethernet > link_layer
echo '400 Gb/sec (4X NDR)' > rate; echo 0x0 > lid
echo 0000:0000:0000:0000:0000:ffff:0a4d:3d0b > gids/3; echo RoCE v2 > gid_attrs/types/3; echo eth0 > gid_attrs/ndevs/3
"""


@pytest.fixture(scope="module", autouse=True)
def clean(hosts):
    """Begin and end with hosts that have nothing of RDMA."""
    for host in hosts.names[:2]:
        fresh(hosts, host)
    yield
    for host in hosts.names[:2]:
        fresh(hosts, host)


@pytest.fixture
def device(hosts):
    """Give the first host a device, and return the function that writes into its port."""
    host = hosts.names[0]
    hosts.run(host, "sh", "-c", DEVICE)
    yield lambda path, text: hosts.run(host, "sh", "-c", f'printf "%s\\n" "$1" > {PORT}/{path}', "sh", text)
    hosts.run(host, "sh", "-c", "umount /sys/class; umount /run/rdma")


def test_a_check_of_a_fresh_host_installs_nothing(hosts):
    play = roles(*ONLY, "--check", rdma_install=True)
    assert play.count("changed") == dict.fromkeys(hosts.names[:2], 1)
    assert not set(PACKAGES) & set(installed(hosts, hosts.names[0]))


def test_the_packages_of_the_distribution_are_there_and_work(hosts):
    roles(*ONLY, rdma_install=True)
    for host in hosts.names[:2]:
        assert set(PACKAGES) <= set(installed(hosts, host))
        assert "Failed to get IB devices list" in hosts.shell(
            host, "ibv_devinfo"
        ) or "No IB devices found" in hosts.shell(host, "ibv_devinfo")
        assert "--report_gbits" in hosts.shell(host, "ib_write_bw --help")
        assert hosts.shell(host, "command -v ibstat") == "/usr/sbin/ibstat\n"
    for words in ([], ["--check"]):
        again = roles(*ONLY, *words, rdma_install=True)
        assert again.count("changed") == dict.fromkeys(hosts.names[:2], 0), again.diff()


def test_a_mirror_that_is_down_stops_only_hosts_that_lack_a_package_and_is_named(hosts):
    complete, lacking = hosts.names[:2]
    hosts.run(lacking, "apt-get", "-qy", "purge", "perftest")
    for host in (complete, lacking):
        hosts.run(host, "sh", "-c", DEAD_MIRROR)
    try:
        play = roles(*ONLY, succeeds=False, rdma_install=True)
    finally:
        for host in (complete, lacking):
            hosts.run(host, "sh", "-c", MIRROR_AGAIN)
    assert f"{lacking}  apt cannot install " in sentences(play)
    assert "W: Failed to fetch http://127.0.0.1:9/" in sentences(play)
    assert "Connection refused" in sentences(play)
    assert f"{complete}  " not in sentences(play)
    assert play.count("failed") == {complete: 0, lacking: 1}
    again = roles(*ONLY, rdma_install=True)
    assert again.count("changed") == {complete: 0, lacking: 1}


def test_a_host_without_a_device_is_refused_where_one_is_required(hosts):
    text = sentences(roles(*ONLY, succeeds=False, rdma_required=True))
    for host in hosts.names[:2]:
        assert (
            f"{host}  no RDMA device (expected at least one, see rdma_required). Fix: check that the adapter is on"
            in text
        )


@pytest.mark.usefixtures("device")
def test_a_port_without_errors_is_accepted(hosts):
    play = roles(*ONLY)
    assert play.count("failed") == dict.fromkeys(hosts.names[:2], 0)


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (
            "state",
            "1: DOWN",
            "RDMA port mlx5_0:1 is DOWN, LinkUp (expected ACTIVE). Fix: set its interface up (sudo ip link set eth0 up",
        ),
        (
            "gid_attrs/types/3",
            "IB/RoCE v1",
            "RDMA port mlx5_0:1 has only GIDs of IB/RoCE v1 without an address (expected a GID of RoCE v2",
        ),
        (
            "rate",
            "100 Gb/sec (4X EDR)",
            "RDMA port mlx5_0:1 runs at 100 Gbit/s (expected 400 Gbit/s, see rdma_minimum_rate_gbps)",
        ),
    ],
    ids=["a link that is down", "a GID of another kind", "a slow link"],
)
def test_a_port_that_is_not_right_is_named(hosts, device, path, text, said):
    device(path, text)
    told = sentences(roles(*ONLY, succeeds=False, rdma_minimum_rate_gbps=400.0))
    assert f"{hosts.names[0]}  {said}" in told
    assert hosts.names[1] not in told


@pytest.mark.usefixtures("device")
def test_a_small_mtu_is_named_with_its_interface(hosts):
    text = sentences(roles(*ONLY, succeeds=False, rdma_minimum_mtu=4096))
    small = (
        "RDMA port mlx5_0:1 has RDMA MTU 1024 over eth0 with MTU 1500 (expected at least 4096, see rdma_minimum_mtu)"
    )
    assert f"{hosts.names[0]}  {small}" in text


@pytest.mark.usefixtures("device")
def test_a_driver_without_peermem_is_named(hosts):
    looks(hosts, hosts.names[0], loaded="580.95.05")
    try:
        text = sentences(roles(*ONLY, succeeds=False))
        assert f"{hosts.names[0]}  kernel module nvidia_peermem is not loaded" in text
        assert "sudo modprobe nvidia_peermem" in text
        # The kernel of the text is the open one, and new enough for DMA-BUF.
        roles(*ONLY, rdma_peermem=False)
    finally:
        hosts.run(hosts.names[0], "umount", "/sys/bus/pci", "/proc/driver")


def test_doca_ofed_comes_from_the_repository_of_the_user(hosts):
    for host in hosts.names[:2]:
        publish(hosts, host, [{"name": "doca-ofed", "version": "3.2.0"}])
    roles(*ONLY, rdma_install=True, rdma_packages=["doca-ofed"], rdma_repository=FROM_HERE)
    assert installed(hosts, hosts.names[0])["doca-ofed"][0] == "3.2.0"
