# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's hosts: containers with systemd, sshd and an address of their own, on one bridge network."""

from __future__ import annotations

import io
import ipaddress
import json
import socket
import struct
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import docker
from docker.errors import APIError
from docker.models.containers import Container
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool, Mount

from . import engine, inotify
from .progress import LabError, say, step
from .settings import KEY, LABEL_HOST, LABEL_LAB, LABEL_SHAPE, digest

FIRST_ADDRESS = 11
BOOT_SECONDS = 120.0
WORKERS = 16
# The engine mounts /etc/hosts, so it cannot be replaced.
ONLY_IPV6 = """
ip -4 address flush scope global
grep -v "^[0-9.]*[[:space:]]*$(hostname)" /etc/hosts >/run/hosts
cat /run/hosts >/etc/hosts
rm /run/hosts
"""
FRAME = struct.Struct(">4xI")
T = TypeVar("T")


@dataclass(frozen=True)
class Shape:
    """What all hosts of a lab have in common."""

    image: str
    mounts: tuple[tuple[str, str], ...]
    shm_size: str
    writable: tuple[tuple[str, str], ...] = ()

    def mount(self) -> list[Mount]:
        """The folders of this machine that the hosts see, as the engine wants to hear it."""
        fixed = [Mount(target, source, type="bind", read_only=True) for source, target in self.mounts]
        return fixed + [Mount(target, source, type="bind") for source, target in self.writable]

    def key(self) -> str:
        """A name that changes when the hosts have to be made anew."""
        return digest([], repr(self))


def address(subnet: str, index: int) -> str:
    """The address of the lab's host number `index`, counted from 0: .11 and so on, or ::11 and so on."""
    network = ipaddress.ip_network(subnet)
    number = FIRST_ADDRESS + index if network.version == 4 else int(str(FIRST_ADDRESS + index), 16)
    if number >= network.num_addresses - 1:
        raise LabError(f"The network {subnet} has no room for {index + 1} hosts: take a larger one.")
    return str(network[number])


def up(client: docker.DockerClient, lab: str, hosts: Sequence[str], subnet: str, shape: Shape) -> None:
    """Make the hosts exist, run and answer; those that are right already stay as they are."""
    addresses = {host: address(subnet, index) for index, host in enumerate(hosts)}
    public_key = ssh_key()
    network = _network(client, lab, subnet)
    others = [one for one in client.containers.list(filters={"label": LABEL_LAB}) if one.labels[LABEL_LAB] != lab]
    inotify.make_room(len(others) + len(hosts))
    existing = {container.labels[LABEL_HOST]: container for container in of(client, lab)}
    for gone in existing.keys() - addresses.keys():
        say(f"removing {gone}: it is no longer in the lab {lab}")
        existing.pop(gone).remove(force=True, v=True)

    def start(host: str) -> None:
        key = digest([], shape.key(), json.dumps(addresses), public_key.decode())
        container = existing.get(host)
        if container is not None and container.labels[LABEL_SHAPE] != key:
            container.remove(force=True, v=True)
            container = None
        if container is None:
            container = _create(client, lab, host, addresses, network, shape, key)
            _authorize(container, public_key)
        container.start()
        if ipv6(subnet):
            _only_ipv6(container)

    with step(f"Starting {len(hosts)} host{'s' * (len(hosts) > 1)} of the lab {lab}"):
        _in_parallel(start, hosts)
    with step("Waiting for systemd and ssh on every host"):
        _in_parallel(lambda host: _wait(client, lab, host, addresses[host]), hosts)


def down(client: docker.DockerClient, lab: str) -> None:
    """Remove the hosts and the network of a lab."""
    containers = of(client, lab)
    with step(f"Removing the lab {lab} ({len(containers)} hosts)"):
        _in_parallel(lambda container: container.remove(force=True, v=True), containers)
        for network in client.networks.list(filters={"label": f"{LABEL_LAB}={lab}"}):
            network.remove()
    if not labs(client):
        inotify.restore()


def of(client: docker.DockerClient, lab: str) -> list[Container]:
    """The containers of a lab, running or not."""
    return list(client.containers.list(all=True, filters={"label": f"{LABEL_LAB}={lab}"}))


def labs(client: docker.DockerClient) -> list[str]:
    """The names of the labs that there are."""
    return sorted(network.attrs["Labels"][LABEL_LAB] for network in client.networks.list(filters={"label": LABEL_LAB}))


def find(client: docker.DockerClient, host: str, lab: str | None = None) -> Container:
    """The running container of a host; the lab's name is needed only where several labs have such a host."""
    found = [
        container
        for container in client.containers.list(filters={"label": f"{LABEL_HOST}={host}"})
        if lab in (None, container.labels[LABEL_LAB])
    ]
    if not found:
        raise LabError(f"No host {host} runs{f' in the lab {lab}' if lab else ''}: `status` lists those that do.")
    if len(found) > 1:
        names = ", ".join(container.labels[LABEL_LAB] for container in found)
        raise LabError(f"Several labs have a host {host} ({names}): choose one with --name.")
    return found[0]


def ipv6(subnet: str) -> bool:
    """Whether the hosts on this network have IPv6 alone."""
    return ipaddress.ip_network(subnet).version == 6


def address_of(container: Container) -> str:
    """The address of a host, whether it runs or not."""
    network = next(iter(container.attrs["NetworkSettings"]["Networks"].values()))
    given = network["IPAMConfig"]
    return str(given.get("IPv6Address") or given["IPv4Address"])


def run(container: Container, argv: Sequence[str]) -> tuple[int, str]:
    """Run a command in a host; its exit status and its output.

    The SDK's exec_run loses output that arrives together with the head of the engine's answer (docker-py, issue 2042):
    it reads past what the head's reader has buffered. Without an upgrade of the connection the answer is ordinary.
    """
    assert container.client is not None
    api = container.client.api
    made = api.exec_create(container.id, list(argv))["Id"]
    where = f"{api.base_url}/v{api.api_version}/exec/{made}/start"
    answer = api.post(where, json={"Detach": False, "Tty": False}, timeout=None)
    answer.raise_for_status()
    output = b"".join(_payloads(answer.content)).decode(errors="replace")
    code = api.exec_inspect(made)["ExitCode"]
    assert isinstance(code, int)
    return code, output


def _payloads(frames: bytes) -> Iterator[bytes]:
    """Return the output of frames: stream (1 byte), padding (3), size (4, big-endian), and that many bytes."""
    at = 0
    while at < len(frames):
        (size,) = FRAME.unpack_from(frames, at)
        at += FRAME.size
        yield frames[at : at + size]
        at += size


def ssh_key() -> bytes:
    """The public half of the lab's key; made if it is not there."""
    if not KEY.exists():
        KEY.parent.mkdir(exist_ok=True)
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(KEY)]
        try:
            subprocess.run(argv, check=True)
        except FileNotFoundError:
            engine.apt_install("openssh-client")
            subprocess.run(argv, check=True)
    return KEY.with_suffix(".pub").read_bytes()


def _network(client: docker.DockerClient, lab: str, subnet: str) -> Network:
    name = f"sglang-lab-{lab}"
    for network in client.networks.list(filters={"label": f"{LABEL_LAB}={lab}"}):
        if subnet in [pool["Subnet"] for pool in network.attrs["IPAM"]["Config"]]:
            return network
        if of(client, lab):
            raise LabError(f"The lab {lab} runs in another network than {subnet}: take it down first.")
        network.remove()
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)])
    try:
        return client.networks.create(
            name, driver="bridge", ipam=ipam, labels={LABEL_LAB: lab}, enable_ipv6=ipv6(subnet)
        )
    except APIError as error:
        raise LabError(
            f"The network {subnet} cannot be made: {error.explanation}. Choose another with --subnet."
        ) from error


def _create(
    client: docker.DockerClient,
    lab: str,
    host: str,
    addresses: dict[str, str],
    network: Network,
    shape: Shape,
    key: str,
) -> Container:
    own = addresses[host]
    if ":" in own:
        endpoint = client.api.create_endpoint_config(aliases=[host], ipv6_address=own)
    else:
        endpoint = client.api.create_endpoint_config(aliases=[host], ipv4_address=own)
    return client.containers.create(
        shape.image,
        name=f"{lab}-{host}",
        hostname=host,
        labels={LABEL_LAB: lab, LABEL_HOST: host, LABEL_SHAPE: key},
        network=network.name,
        networking_config={str(network.name): endpoint},
        extra_hosts={name: where for name, where in addresses.items() if name != host},
        mounts=shape.mount(),
        privileged=True,
        cgroupns="private",
        tmpfs={"/run": "exec", "/run/lock": ""},
        shm_size=shape.shm_size,
        stop_signal="SIGRTMIN+3",
    )


def _authorize(container: Container, public_key: bytes) -> None:
    """Let our key in as root; a copy and not a mount, because sshd wants the file to be root's own."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(".ssh/authorized_keys")
        entry.size, entry.mode = len(public_key), 0o600
        tar.addfile(entry, io.BytesIO(public_key))
    container.put_archive("/root", archive.getvalue())


def _only_ipv6(container: Container) -> None:
    """Take away the IPv4 address and name that an engine gives every host; only newer engines would leave them out."""
    code, output = run(container, ["sh", "-ec", ONLY_IPV6])
    if code:
        raise LabError(f"{container.name} keeps its IPv4 address: {output}")


def _wait(client: docker.DockerClient, lab: str, host: str, where: str) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while not _greets(where):
        if time.monotonic() > deadline:
            log = client.containers.get(f"{lab}-{host}").logs(tail=15).decode(errors="replace")
            raise LabError(f"{host} ({where}): no ssh after {BOOT_SECONDS:.0f} s; its console says:\n{log}")
        time.sleep(0.2)
    container = find(client, host, lab)
    state = run(container, ["systemctl", "is-system-running", "--wait"])[1].strip()
    if state not in ("running", "degraded"):
        raise LabError(f"{host} ({where}): systemd is {state!r} where running was expected.")
    if state == "degraded":
        say(
            f"{host} runs, but with failed units: "
            f"{run(container, ['systemctl', '--failed', '--plain', '--no-legend'])[1]}"
        )


def _greets(where: str) -> bool:
    """Whether sshd says its name there."""
    try:
        with socket.create_connection((where, 22), timeout=1.0) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _in_parallel(work: Callable[[T], object], items: Sequence[T]) -> None:
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, items))
