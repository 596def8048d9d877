# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be right on this host just before SGLang starts: its network interface, its ports, its peers."""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import pathlib
import re
import select
import socket
import subprocess
import sys
import time

PROGRESS_SECONDS = 15
RETRY_SECONDS = 1.0
TCP_LISTEN = "0A"
# What moves a port in sglang_deployments; every port without its own key follows the rendezvous.
PORT_KEYS = {"api": "port", "bootstrap": "bootstrap_port", "router": "port", "prometheus": "prometheus_port"}


class Refusal(Exception):
    """The server must not start; the text says why and what to do."""


# --- network: which interface carries the cluster address -------------------------------------------------------------


def addresses_by_interface(ip_json: str) -> dict[str, list[str]]:
    """Return interface -> addresses from the output of 'ip -j addr show'."""
    found = {}
    for link in json.loads(ip_json):
        if link.get("ifname"):
            found[link["ifname"]] = [info["local"] for info in link.get("addr_info", []) if "local" in info]
    return found


def choose_interface(address: str, wanted: str | None, interfaces: dict[str, list[str]]) -> str:
    """Return the interface that the ranks talk through, or refuse with what this host has."""
    carrier = next((name for name, owned in interfaces.items() if address in owned), None)
    if carrier is None:
        have = ", ".join(f"{name} {' '.join(owned)}" for name, owned in interfaces.items() if owned) or "no address"
        raise Refusal(
            f"the cluster address {address} is on no interface of this host (it has {have}); "
            "correct sglang_cluster_address in the inventory"
        )
    if wanted is None:
        return carrier
    if wanted not in interfaces:
        raise Refusal(
            f"the interface {wanted} does not exist on this host (it has {', '.join(interfaces)}); "
            "correct sglang_cluster_interface in the inventory"
        )
    return wanted


def network_environment(interface: str, environ: dict[str, str]) -> str:
    """Return the lines of network.env: only what the unit does not set itself."""
    # NCCL reads a bare name as a prefix (eth1 would match eth10); gloo takes the name as it is.
    wanted = {"GLOO_SOCKET_IFNAME": interface, "NCCL_SOCKET_IFNAME": f"={interface}"}
    return "".join(f'{name}="{value}"\n' for name, value in wanted.items() if name not in environ)


def run_network(args: argparse.Namespace) -> None:
    """Write network.env and the generation that is about to run."""
    listing = subprocess.run(["ip", "-j", "addr", "show"], check=True, capture_output=True, text=True).stdout
    interface = choose_interface(args.address, args.interface, addresses_by_interface(listing))
    directory = pathlib.Path(os.environ["RUNTIME_DIRECTORY"])
    (directory / "network.env").write_text(network_environment(interface, dict(os.environ)), encoding="utf-8")
    (directory / "generation").write_text(os.environ.get("SGLANG_UNIT_DIGEST", "") + "\n", encoding="utf-8")
    print(f"cluster address {args.address} is reached through {interface}", flush=True)


# --- ports: each one must be free, or its owner is named --------------------------------------------------------------


def expand_ports(words: list[str]) -> list[tuple[int, str]]:
    """Return (port, purpose) of words such as api=30000 and dp_attention=20001-20006."""
    ports: list[tuple[int, str]] = []
    for word in words:
        purpose, _unused, text = word.rpartition("=")
        first, _unused, last = text.partition("-")
        ports.extend((port, purpose) for port in range(int(first), int(last or first) + 1))
    return ports


def is_taken(port: int) -> bool:
    """Tell whether a server could not listen on the port, on any address of this host."""
    family = socket.AF_INET6 if os.path.exists("/proc/net/if_inet6") else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            probe.bind(("", port))
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return True
        raise
    return False


def socket_inodes(tables: list[str], port: int) -> list[str]:
    """Return the inodes of the sockets at a local port, listeners first, from texts of /proc/net/tcp."""
    rows = []
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and int(fields[1].rpartition(":")[2], 16) == port and fields[9] != "0":
                rows.append((fields[3] != TCP_LISTEN, fields[9]))
    return [inode for _unused, inode in sorted(rows)]


def unit_of_cgroup(text: str) -> str | None:
    """Return the systemd unit in a text of /proc/PID/cgroup."""
    for part in reversed(re.split(r"[/\n:]", text)):
        if part.endswith((".service", ".scope")):
            return part
    return None


def pid_of_socket(inode: str) -> int | None:
    """Return the process that holds a socket."""
    wanted = f"socket:[{inode}]"
    for descriptor in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) == wanted:
                return int(descriptor.parts[2])
        except OSError:
            continue
    return None


def read_text(path: str) -> str:
    """Return a small text file, empty if it is not there any more."""
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def describe_owner(port: int) -> str:
    """Return who holds a port and how to end that, as the end of a sentence."""
    tables = [read_text("/proc/net/tcp"), read_text("/proc/net/tcp6")]
    pid = next(filter(None, map(pid_of_socket, socket_inodes(tables, port))), None)
    if pid is None:
        return "the kernel or a process in another namespace (a container)"
    command = read_text(f"/proc/{pid}/cmdline").replace("\0", " ").strip() or read_text(f"/proc/{pid}/comm").strip()
    unit = unit_of_cgroup(read_text(f"/proc/{pid}/cgroup"))
    remedy = f"systemctl stop {unit}" if unit else f"kill {pid}"
    return f"pid {pid} ({command[:120]}), unit {unit or 'none'}: stop it ({remedy})"


def run_ports(args: argparse.Namespace) -> None:
    """Refuse to start while any port of the plan is taken: SGLang would hang instead of ending."""
    taken = [
        f"port {port} ({purpose}) is taken by {describe_owner(port)} "
        f"or set another {PORT_KEYS.get(purpose, 'dist_init_port')} for this deployment in sglang_deployments"
        for port, purpose in expand_ports(args.ports)
        if is_taken(port)
    ]
    if taken:
        raise Refusal("; ".join(taken))


# --- peers: all ranks start together, with the same deployment --------------------------------------------------------


class Peers:
    """The ranks of the instance, and how long to wait for them."""

    def __init__(self, leader: str, ranks: list[str], rank: int, timeout: float, digest: str) -> None:
        """Take the words of the command line apart."""
        host, _unused, port = leader.rpartition(":")
        self.leader = (host.strip("[]"), int(port))
        self.names = [word.partition("=")[0] for word in ranks]
        self.addresses = [word.partition("=")[2] for word in ranks]
        self.rank = rank
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout
        self.digest = digest
        self.next_progress = time.monotonic() + PROGRESS_SECONDS

    def name(self, rank: int) -> str:
        """Return how a rank is called in messages."""
        return f"rank {rank} ({self.names[rank]}, {self.addresses[rank]})"

    def progress(self, text: str) -> None:
        """Print a line about every 15 seconds."""
        now = time.monotonic()
        if now >= self.next_progress:
            self.next_progress = now + PROGRESS_SECONDS
            print(f"{text}, {self.deadline - now:.0f} s left", flush=True)

    def expired(self) -> bool:
        """Tell whether the time is over."""
        return time.monotonic() >= self.deadline


def receive_line(connection: socket.socket) -> str:
    """Return one line from the other side, empty if it closed."""
    data = b""
    while not data.endswith(b"\n") and len(data) < 4096:
        chunk = connection.recv(1024)
        if not chunk:
            break
        data += chunk
    return data.decode("utf-8", "replace").strip()


def judge_hello(peers: Peers, address: str, line: str) -> tuple[int, str]:
    """Return the rank that said hello and why it is refused (empty: it is welcome)."""
    try:
        hello = json.loads(line)
        rank, digest = int(hello["rank"]), str(hello["digest"])
    except (ValueError, KeyError, TypeError):
        return -1, f"{address} did not speak like a rank of this collection"
    if not 0 < rank < len(peers.addresses) or peers.addresses[rank] != address:
        return -1, f"{address} is not rank {rank} of this instance in the plan of {peers.names[0]}; deploy again"
    if digest != peers.digest:
        return rank, (
            f"{peers.name(rank)} has another deployment than {peers.name(0)}; deploy again so that all ranks have the same unit"
        )
    return rank, ""


def answer(connection: socket.socket, refusal: str) -> None:
    """Tell a follower to go, or why not; a follower that is gone already tries again by itself."""
    with contextlib.suppress(OSError):
        connection.sendall((json.dumps({"refusal": refusal}) + "\n").encode())
    connection.close()


def accept_rank(peers: Peers, server: socket.socket, present: dict[int, socket.socket]) -> str:
    """Take one connection in; return why it was refused."""
    connection, peer = server.accept()
    connection.settimeout(5)
    try:
        line = receive_line(connection)
    except OSError:
        connection.close()
        return ""
    rank, refusal = judge_hello(peers, peer[0], line)
    if refusal:
        print(refusal, flush=True)
        answer(connection, refusal)
        return refusal if rank > 0 else ""
    if rank in present:
        present.pop(rank).close()
    present[rank] = connection
    return ""


def lead(peers: Peers) -> None:
    """Wait until every other rank has connected, then let all go."""
    family = socket.AF_INET6 if ":" in peers.leader[0] else socket.AF_INET
    missing = set(range(1, len(peers.addresses)))
    present: dict[int, socket.socket] = {}
    refusal = ""
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(peers.leader)
        server.listen(128)
        while missing - set(present):
            names = ", ".join(peers.name(rank) for rank in sorted(missing - set(present)))
            if peers.expired():
                reason = refusal or "start their units, and check that they reach this address and port"
                raise Refusal(f"after {peers.timeout:.0f} s these ranks have not come: {names}; {reason}")
            peers.progress(f"waiting for {names}")
            ready = select.select([server, *present.values()], [], [], RETRY_SECONDS)[0]
            for rank in [rank for rank, connection in present.items() if connection in ready]:
                # A waiting follower says nothing: what is readable is its end.
                present.pop(rank).close()
            if server in ready:
                refusal = accept_rank(peers, server, present) or refusal
    for connection in present.values():
        answer(connection, "")


def ask_leader(peers: Peers) -> bool:
    """Connect once and wait for the word to go; tell whether it came."""
    own = peers.addresses[peers.rank]
    with socket.create_connection(peers.leader, timeout=5, source_address=(own, 0)) as connection:
        connection.sendall((json.dumps({"rank": peers.rank, "digest": peers.digest}) + "\n").encode())
        while not select.select([connection], [], [], RETRY_SECONDS)[0]:
            peers.progress(f"{peers.name(0)} waits for other ranks")
            if peers.expired():
                return False
        line = receive_line(connection)
    if not line:
        return False
    refusal = json.loads(line)["refusal"]
    if refusal:
        raise Refusal(refusal)
    return True


def follow(peers: Peers) -> None:
    """Try to reach the leader until it lets this rank go."""
    last = "it ended the connection"
    while not peers.expired():
        try:
            if ask_leader(peers):
                return
        except OSError as error:
            last = error.strerror or str(error)
        peers.progress(f"waiting for {peers.name(0)} at port {peers.leader[1]}: {last}")
        time.sleep(RETRY_SECONDS)
    raise Refusal(
        f"after {peers.timeout:.0f} s {peers.name(0)} has not started this instance (port {peers.leader[1]}: {last}); "
        "start its unit, and check that this host reaches that port"
    )


def run_peers(args: argparse.Namespace) -> None:
    """Wait, bounded, until every rank of the instance is about to start."""
    peers = Peers(args.leader, args.ranks, args.rank, args.timeout, os.environ.get("SGLANG_INSTANCE_DIGEST", ""))
    if len(peers.addresses) > 1:
        (lead if args.rank == 0 else follow)(peers)
        print(f"all {len(peers.addresses)} ranks are there", flush=True)


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    network = commands.add_parser("network", help="write network.env for the interface of the cluster address")
    network.add_argument("--address", required=True)
    network.add_argument("--interface")
    network.set_defaults(run=run_network)
    ports = commands.add_parser("ports", help="refuse if a port is taken")
    ports.add_argument("ports", nargs="+", metavar="PURPOSE=PORT[-PORT]")
    ports.set_defaults(run=run_ports)
    peers = commands.add_parser("peers", help="wait until all ranks are about to start")
    peers.add_argument("--rank", type=int, required=True)
    peers.add_argument("--timeout", type=float, required=True)
    peers.add_argument("leader", metavar="ADDRESS:PORT")
    peers.add_argument("ranks", nargs="+", metavar="HOST=ADDRESS")
    peers.set_defaults(run=run_peers)
    return parser.parse_args(argv)


def main() -> int:
    """Run one check; print one sentence and return 1 where SGLang must not start."""
    args = parse_args(sys.argv[1:])
    try:
        args.run(args)
    except Refusal as refusal:
        print(f"refused: {refusal}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
