# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks before a start: real sockets, and the barrier between real processes on 127.0.0.x."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

SCRIPT = pathlib.Path(__file__).parents[4] / "roles/sglang_server/files/prestart.py"
RANKS = ["node1=127.0.0.11", "node2=127.0.0.12", "node3=127.0.0.13"]
IP_JSON = (
    '[{"ifname": "lo", "addr_info": [{"local": "127.0.0.1"}, {"local": "::1"}]}, {},'
    '{"ifname": "eth0", "addr_info": [{"local": "10.0.0.11"}, {"local": "fd00::11"}]}, {"ifname": "eth1", "addr_info": []}]'
)


def load() -> ModuleType:
    """Import the script as a module."""
    spec = importlib.util.spec_from_file_location("prestart", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


prestart = load()
INTERFACES = prestart.addresses_by_interface(IP_JSON)


@pytest.mark.parametrize(
    ("address", "wanted", "chosen"),
    [("10.0.0.11", None, "eth0"), ("fd00::11", None, "eth0"), ("10.0.0.11", "eth1", "eth1")],
)
def test_choose_interface(address: str, wanted: str | None, chosen: str) -> None:
    assert prestart.choose_interface(address, wanted, INTERFACES) == chosen


@pytest.mark.parametrize(
    ("address", "wanted", "sentence"),
    [
        (
            "10.0.0.99",
            None,
            "10.0.0.99 is on no interface of this host .*eth0 10.0.0.11 fd00::11.*sglang_cluster_address",
        ),
        (
            "10.0.0.11",
            "ib0",
            "interface ib0 does not exist on this host .it has lo, eth0, eth1.*sglang_cluster_interface",
        ),
    ],
)
def test_choose_interface_refuses(address: str, wanted: str | None, sentence: str) -> None:
    with pytest.raises(prestart.Refusal, match=sentence):
        prestart.choose_interface(address, wanted, INTERFACES)


def test_network_environment_leaves_what_the_unit_sets() -> None:
    assert prestart.network_environment("eth0", {}) == 'GLOO_SOCKET_IFNAME="eth0"\nNCCL_SOCKET_IFNAME="=eth0"\n'
    assert prestart.network_environment("eth0", {"NCCL_SOCKET_IFNAME": "ib0"}) == 'GLOO_SOCKET_IFNAME="eth0"\n'


def test_expand_ports() -> None:
    assert prestart.expand_ports(["api=30000", "dp=20001-20003"]) == [
        (30000, "api"),
        (20001, "dp"),
        (20002, "dp"),
        (20003, "dp"),
    ]


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope"),
        ("12:cpu:/\n1:name=systemd:/system.slice/ssh.service\n0::/\n", "ssh.service"),
        ("0::/system.slice/docker-abc.scope/init\n", "docker-abc.scope"),
        ("0::/\n", None),
    ],
)
def test_unit_of_cgroup(text: str, unit: str | None) -> None:
    assert prestart.unit_of_cgroup(text) == unit


def test_socket_inodes_puts_the_listener_first() -> None:
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    row = "   0: 0100007F:7530 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1\n"
    table = head + row.format(state="01", inode=7) + row.format(state="0A", inode=8) + row.format(state="06", inode=0)
    assert prestart.socket_inodes([table, head], 30000) == ["8", "7"]
    assert prestart.socket_inodes([table], 30001) == []


def run(*words: str, digest: str = "same", **environ: str) -> subprocess.Popen[str]:
    """Start the script as systemd does."""
    environment = {**os.environ, "SGLANG_INSTANCE_DIGEST": digest, **environ}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-I", str(SCRIPT), *words], stdout=pipe, stderr=pipe, text=True, env=environment
    )


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Hold a port on one address only."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def test_a_taken_port_is_refused_with_its_owner(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    process = run("ports", f"api={port}")
    _out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err.startswith(f"refused: port {port} (api) is taken by pid {os.getpid()} (")
    assert "stop it (" in err
    assert "or set another port for this deployment in sglang_deployments" in err


def test_a_free_port_is_accepted(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    process = run("ports", f"api={port}")
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


def test_network_writes_what_the_unit_reads(tmp_path: pathlib.Path) -> None:
    process = run(
        "network", "--address", "127.0.0.1", RUNTIME_DIRECTORY=str(tmp_path), SGLANG_UNIT_DIGEST="generation-1"
    )
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert (tmp_path / "network.env").read_text() == 'GLOO_SOCKET_IFNAME="lo"\nNCCL_SOCKET_IFNAME="=lo"\n'
    assert (tmp_path / "generation").read_text() == "generation-1\n"


@pytest.fixture
def leader() -> str:
    """Return an address and port for the leader's barrier."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.11", 0))
        return f"127.0.0.11:{probe.getsockname()[1]}"


def rank(number: int, leader: str, timeout: float = 20, digest: str = "same") -> subprocess.Popen[str]:
    """Start the barrier of one rank."""
    return run("peers", "--rank", str(number), "--timeout", str(timeout), leader, *RANKS, digest=digest)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_all_ranks_are_let_go_together(leader: str, order: tuple[int, ...]) -> None:
    first, second, third = order
    processes = [rank(first, leader), rank(second, leader)]
    with pytest.raises(subprocess.TimeoutExpired):
        processes[0].wait(timeout=2)
    assert processes[1].poll() is None
    processes.append(rank(third, leader))
    for process in processes:
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        assert "all 3 ranks are there" in out


def test_a_rank_that_died_while_it_waited_is_not_counted(leader: str) -> None:
    processes = [rank(0, leader), rank(1, leader)]
    with pytest.raises(subprocess.TimeoutExpired):
        processes[1].wait(timeout=2)
    processes[1].kill()
    processes[1].communicate()
    processes[1] = rank(2, leader)
    with pytest.raises(subprocess.TimeoutExpired):
        processes[0].wait(timeout=2)
    processes.append(rank(1, leader))
    assert [process.wait(timeout=20) for process in processes] == [0, 0, 0]
    for process in processes:
        process.communicate()


def test_a_missing_rank_is_named_at_the_timeout(leader: str) -> None:
    processes = [rank(0, leader, timeout=3), rank(1, leader, timeout=6)]
    errors = [process.communicate(timeout=20)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1]
    assert "refused: after 3 s these ranks have not come: rank 2 (node3, 127.0.0.13)" in errors[0]
    assert "refused: after 6 s rank 0 (node1, 127.0.0.11) has not started this instance" in errors[1]


def test_a_missing_leader_is_named_at_the_timeout(leader: str) -> None:
    process = rank(1, leader, timeout=2)
    error = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert (
        f"rank 0 (node1, 127.0.0.11) has not started this instance (port {leader.partition(':')[2]}: Connection refused)"
        in error
    )


def test_a_rank_with_another_deployment_is_refused(leader: str) -> None:
    old = rank(1, leader, digest="old")
    new = rank(0, leader, timeout=4)
    old_error, new_error = old.communicate(timeout=20)[1], new.communicate(timeout=20)[1]
    assert (old.returncode, new.returncode) == (1, 1)
    sentence = "rank 1 (node2, 127.0.0.12) has another deployment than rank 0 (node1, 127.0.0.11); deploy again"
    assert sentence in old_error
    assert sentence in new_error


def test_a_stranger_is_not_counted(leader: str) -> None:
    processes = [rank(0, leader), rank(1, leader)]
    with pytest.raises(subprocess.TimeoutExpired):
        processes[0].wait(timeout=2)
    host, port = leader.split(":")
    with socket.create_connection((host, int(port)), source_address=("127.0.0.99", 0)) as stranger:
        stranger.sendall(b'{"rank": 2, "digest": "same"}\n')
        assert b"is not rank 2 of this instance" in stranger.recv(4096)
    assert processes[0].poll() is None
    processes.append(rank(2, leader))
    assert [process.wait(timeout=20) for process in processes] == [0, 0, 0]
    for process in processes:
        process.communicate()


def test_one_rank_waits_for_nobody() -> None:
    process = run("peers", "--rank", "0", "--timeout", "1", "127.0.0.11:1", "node1=127.0.0.11")
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0
