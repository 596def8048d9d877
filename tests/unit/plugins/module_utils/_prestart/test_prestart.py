# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks before a start, as a program: real sockets, and the barrier between real processes on 127.0.0.x."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._prestart import Refusal, hello, network, ports

Run = Callable[..., "subprocess.Popen[str]"]
RANKS = ["node1=127.0.0.11", "node2=127.0.0.12", "node3=127.0.0.13"]
IP_JSON = (
    '[{"ifname": "lo", "addr_info": [{"local": "127.0.0.1"}, {"local": "::1"}]}, {},'
    '{"ifname": "eth0", "addr_info": [{"local": "10.0.0.11"}, {"local": "fd00::11"}]},'
    '{"ifname": "eth1", "addr_info": []}]'
)


INTERFACES = network.addresses_by_interface(IP_JSON)


@pytest.mark.parametrize(
    ("address", "wanted", "chosen"),
    [("10.0.0.11", None, "eth0"), ("fd00::11", None, "eth0"), ("10.0.0.11", "eth1", "eth1")],
)
def test_choose_interface(address: str, wanted: str | None, chosen: str) -> None:
    assert network.choose_interface(address, wanted, INTERFACES) == chosen


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
    with pytest.raises(Refusal, match=sentence):
        network.choose_interface(address, wanted, INTERFACES)


def test_network_environment_leaves_what_the_unit_sets() -> None:
    assert network.environment("eth0", {}) == 'GLOO_SOCKET_IFNAME="eth0"\nNCCL_SOCKET_IFNAME="=eth0"\n'
    assert network.environment("eth0", {"NCCL_SOCKET_IFNAME": "ib0"}) == 'GLOO_SOCKET_IFNAME="eth0"\n'


def test_expand_ports() -> None:
    assert ports.expand(["api=30000", "dp=20001-20003"]) == [
        (30000, "api"),
        (20001, "dp"),
        (20002, "dp"),
        (20003, "dp"),
    ]


@pytest.fixture
def run(library: pathlib.Path) -> Run:
    """Start the program as systemd does."""

    def start(*arguments: str, digest: str = "same", **environ: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-IB", str(library / "prestart.py"), *arguments]
        environment = {**os.environ, "SGLANG_INSTANCE_DIGEST": digest, **environ}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)

    return start


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Hold a port on one address only."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def test_a_taken_port_is_refused_with_its_owner(run: Run, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    process = run("ports", f"api={port}")
    _out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err.startswith(f"refused: port {port} (api) is taken by pid {os.getpid()} (")
    assert "stop it (" in err
    assert "or set another port for this deployment in sglang_deployments" in err


def test_a_free_port_is_accepted(run: Run, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    process = run("ports", f"api={port}")
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


def test_network_writes_what_the_unit_reads(run: Run, tmp_path: pathlib.Path) -> None:
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


@pytest.fixture
def rank(run: Run, leader: str) -> Run:
    """Start the barrier of one rank."""

    def start(number: int, timeout: float = 20, digest: str = "same") -> subprocess.Popen[str]:
        return run("peers", "--rank", str(number), "--timeout", str(timeout), leader, *RANKS, digest=digest)

    return start


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_all_ranks_are_let_go_together(rank: Run, order: tuple[int, ...]) -> None:
    first, second, third = order
    processes = [rank(first), rank(second)]
    with pytest.raises(subprocess.TimeoutExpired):
        processes[0].wait(timeout=2)
    assert processes[1].poll() is None
    processes.append(rank(third))
    for process in processes:
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        assert "all 3 ranks are present" in out


def test_a_rank_that_died_while_it_waited_is_not_counted(rank: Run) -> None:
    processes = [rank(0), rank(1)]
    with pytest.raises(subprocess.TimeoutExpired):
        processes[1].wait(timeout=2)
    processes[1].kill()
    processes[1].communicate()
    processes[1] = rank(2)
    with pytest.raises(subprocess.TimeoutExpired):
        processes[0].wait(timeout=2)
    processes.append(rank(1))
    assert [process.wait(timeout=20) for process in processes] == [0, 0, 0]
    for process in processes:
        process.communicate()


def test_a_missing_rank_is_named_at_the_timeout(rank: Run) -> None:
    processes = [rank(0, timeout=3), rank(1, timeout=6)]
    errors = [process.communicate(timeout=20)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1]
    assert "refused: no connection within 3 s from rank 2 (node3, 127.0.0.13); start their units" in errors[0]
    assert "refused: rank 0 (node1, 127.0.0.11) did not start this instance within 6 s" in errors[1]


def test_a_missing_leader_is_named_at_the_timeout(rank: Run, leader: str) -> None:
    process = rank(1, timeout=2)
    error = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert (
        "rank 0 (node1, 127.0.0.11) did not start this instance within 2 s "
        f"(port {leader.partition(':')[2]}: Connection refused)" in error
    )


def test_a_rank_with_another_deployment_is_refused(rank: Run) -> None:
    old = rank(1, digest="old")
    new = rank(0, timeout=4)
    old_error, new_error = old.communicate(timeout=20)[1], new.communicate(timeout=20)[1]
    assert (old.returncode, new.returncode) == (1, 1)
    sentence = "rank 1 (node2, 127.0.0.12) has a different deployment than rank 0 (node1, 127.0.0.11); deploy again"
    assert sentence in old_error
    assert sentence in new_error


def test_a_stranger_is_not_counted(rank: Run, leader: str) -> None:
    processes = [rank(0), rank(1)]
    with pytest.raises(subprocess.TimeoutExpired):
        processes[0].wait(timeout=2)
    host, port = leader.split(":")
    with socket.create_connection((host, int(port)), source_address=("127.0.0.99", 0)) as stranger:
        stranger.sendall(b'{"rank": 2, "digest": "same"}\n')
        assert b"127.0.0.99 is no rank of this instance" in stranger.recv(4096)
    assert processes[0].poll() is None
    processes.append(rank(2))
    assert [process.wait(timeout=20) for process in processes] == [0, 0, 0]
    for process in processes:
        process.communicate()


def test_whoever_says_nothing_takes_no_place_and_no_time(rank: Run, leader: str) -> None:
    leading, rank_one = rank(0, timeout=20), rank(1)
    with pytest.raises(subprocess.TimeoutExpired):
        leading.wait(timeout=1)
    host, port = leader.split(":")
    with contextlib.ExitStack() as stack:
        for source in ["127.0.0.99"] * 150 + ["127.0.0.13"] * 20:
            connect = socket.create_connection((host, int(port)), source_address=(source, 0))
            stack.enter_context(connect).sendall(b"{")
        begin = time.monotonic()
        rank_two = rank(2)
        assert [process.wait(timeout=10) for process in (leading, rank_one, rank_two)] == [0, 0, 0]
        assert time.monotonic() - begin < 5
    out = leading.communicate()[0]
    assert out.count("127.0.0.99 is no rank of this instance") == 1
    for process in (rank_one, rank_two):
        process.communicate()


def test_a_line_that_never_ends_holds_the_leader_no_longer_than_it_may_wait(rank: Run, leader: str) -> None:
    leading = rank(0, timeout=2)
    with pytest.raises(subprocess.TimeoutExpired):
        leading.wait(timeout=1)
    host, port = leader.split(":")
    with socket.create_connection((host, int(port)), source_address=("127.0.0.12", 0)) as slow:
        begin = time.monotonic()
        with contextlib.suppress(OSError):
            while leading.poll() is None and time.monotonic() - begin < 10:
                slow.sendall(b"x")
                time.sleep(0.1)
    assert "no connection within 2 s from rank 1" in leading.communicate(timeout=5)[1]


def test_the_port_of_the_leader_holds_a_follower_no_longer_than_it_may_wait(rank: Run, leader: str) -> None:
    host, port = leader.split(":")
    with socket.create_server((host, int(port))) as server:
        process = rank(1, timeout=1)
        with server.accept()[0] as connection, contextlib.suppress(OSError):
            begin = time.monotonic()
            while process.poll() is None and time.monotonic() - begin < 12:
                connection.sendall(b"x")
                time.sleep(0.1)
        assert time.monotonic() - begin < 9
    assert process.communicate(timeout=5)[1].startswith("refused: rank 0 (node1, 127.0.0.11) did not start")


def test_a_host_without_the_command_ip_is_refused_in_a_sentence(run: Run, tmp_path: pathlib.Path) -> None:
    process = run("network", "--address", "10.0.0.1", PATH=str(tmp_path), RUNTIME_DIRECTORY=str(tmp_path))
    assert process.communicate(timeout=20)[1].startswith("refused: the command ip is not there; install")
    (tmp_path / "ip").write_text("#!/bin/sh\necho [\n")
    (tmp_path / "ip").chmod(0o755)
    process = run("network", "--address", "10.0.0.1", PATH=f"{tmp_path}:/bin", RUNTIME_DIRECTORY=str(tmp_path))
    assert process.communicate(timeout=20)[1].startswith("refused: the interfaces of this host are not known")


def test_a_directory_that_cannot_be_written_is_refused_in_a_sentence(run: Run, tmp_path: pathlib.Path) -> None:
    process = run("rdma", "--gpus", "0", "none_*", RUNTIME_DIRECTORY=str(tmp_path / "none"))
    assert process.communicate(timeout=20)[1].startswith("refused: [Errno 2] No such file or directory")


ODD = ["5", "null", "hello", '"rank"', '{"rank": 1e999, "digest": "same"}', '{"rank": []}', "[" * 4000]


@pytest.mark.parametrize("line", ODD)
def test_a_line_of_another_program_is_no_rank(line: str) -> None:
    group = hello.Peers("127.0.0.11:1", RANKS, 0, 1, "same")
    assert hello.check_hello(group, "127.0.0.99", line) == (
        -1,
        "127.0.0.99 sent something else than a rank of this collection does",
    )


@pytest.mark.parametrize("line", ODD)
def test_another_program_at_the_leaders_port_lets_nobody_go(rank: Run, leader: str, line: str) -> None:
    host, port = leader.split(":")
    with socket.create_server((host, int(port))) as server:
        process = rank(1, timeout=2)
        connection, _address = server.accept()
        connection.sendall(f"{line}\n".encode())
        connection.close()
    error = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert error.startswith("refused: rank 0 (node1, 127.0.0.11) did not start this instance within 2 s")


def test_one_rank_waits_for_nobody(run: Run) -> None:
    process = run("peers", "--rank", "0", "--timeout", "1", "127.0.0.11:1", "node1=127.0.0.11")
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


def test_the_program_brings_all_its_modules_and_leaves_no_caches(run: Run, library: pathlib.Path) -> None:
    process = run("--help")
    assert "prestart.py" in process.communicate(timeout=20)[0]
    assert not list(library.rglob("__pycache__"))


def test_rdma_writes_what_the_unit_reads(run: Run, tmp_path: pathlib.Path) -> None:
    process = run("rdma", "--gpus", "0,1", "none_*", RUNTIME_DIRECTORY=str(tmp_path))
    assert process.communicate(timeout=20) == ("RDMA devices near its GPUs: none\n", "")
    assert (tmp_path / "rdma.env").read_text() == ""
    process = run(
        "rdma", "--gpus", "0", "--devices-file", str(tmp_path / "x"), "none_*", RUNTIME_DIRECTORY=str(tmp_path)
    )
    assert process.communicate(timeout=20)[1].startswith("refused: no usable RDMA device is near its GPUs")
    assert process.returncode == 1
