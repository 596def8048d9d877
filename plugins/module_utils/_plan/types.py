# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan consists of. Facts only: words.py renders command lines and URLs from them, never read back."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Option:
    """One command line option: its long name without dashes, and its values (none for a flag)."""

    name: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rank:
    """One rank of an instance: its host in the inventory and the IP address that its peers reach."""

    host: str
    address: str


@dataclass(frozen=True)
class ServerUnit:
    """One rank of an instance on one host.

    name: of the systemd unit, without its suffix; the same on all hosts of the instance. instance: what no other
    instance is called: the name of its units and the host of rank 0, as in llama-0@gpu01. gpus: indexes on this host,
    none where gpu_uuids has the UUIDs of GPUs or MIG slices. interface: of the cluster address, empty to find it when
    the unit starts. ports: purpose -> "30000" or "20001-20006". model: what SGLang loads, a path or a hub name;
    served_model: its name in the API. sglang_version: the release that it runs. options: the whole command after the
    module. ib_devices_file: the file that the unit writes before each start with the RDMA device of each GPU; empty
    without it. digest: of everything that any rank of the instance depends on.
    """

    name: str
    instance: str
    deployment: str
    role: str
    rank: int
    nnodes: int
    slot: int
    host: str
    address: str
    interface: str
    ranks: tuple[Rank, ...]
    gpus: tuple[int, ...]
    gpu_uuids: tuple[str, ...]
    ports: dict[str, str]
    api_port: int
    scheme: str
    model: str
    served_model: str
    sglang_version: str
    options: tuple[Option, ...]
    environment: dict[str, str]
    ib_devices_file: str
    digest: str

    def option(self, name: str) -> Option | None:
        """Return an option by its long name, None without it."""
        return find(self.options, name)


@dataclass(frozen=True)
class Worker:
    """An instance as its routers know it. worker_type: regular, prefill, decode; bootstrap_port: of prefill, else 0."""

    instance: str
    worker_type: str
    scheme: str
    address: str
    port: int
    bootstrap_port: int = 0


@dataclass(frozen=True)
class RouterUnit:
    """A router of a deployment on one host.

    package: sglang-router or smg. options: the command without its workers. digest: of what only a restart can change,
    so not of its workers.
    """

    name: str
    deployment: str
    host: str
    address: str
    port: int
    scheme: str
    ports: dict[str, str]
    package: str
    options: tuple[Option, ...]
    workers: tuple[Worker, ...]
    served_model: str
    digest: str

    def option(self, name: str) -> Option | None:
        """Return an option by its long name, None without it."""
        return find(self.options, name)


@dataclass(frozen=True)
class Rule:
    """Who may connect to which TCP ports of a host, and why.

    sources: the name of a set of addresses in Plan.peers, "clients" for whoever may use the service, or "scrapers" for
    who collects metrics. ports: "30000" or "20000-20006,32768-60999".
    """

    sources: str
    ports: str
    why: str


@dataclass(frozen=True)
class Release:
    """A model whose releases are on the disk of a host.

    store: the directory with its releases and the link current. source: where they come from. expected: the digest that
    the source must have, empty for any. release: the one to go to instead: "previous" or a digest, empty for what the
    source has. keep: how many stay on disk. port: where hosts copy it from each other. exact: keep links and execute
    permissions.
    """

    name: str
    store: str
    source: str
    expected: str
    release: str
    keep: int
    address: str
    port: int
    exact: bool = False


@dataclass(frozen=True)
class Mount:
    """An NFS export that a host mounts: server and port for the check, src, path and opts as in fstab."""

    server: str
    port: int
    src: str
    path: str
    opts: str


@dataclass(frozen=True)
class HostPlan:
    """What one host runs, opens and stores.

    left_out_units, left_out_routers: the names of those of deployments that are not acted on. sglang_versions: all
    releases of SGLang that its units run, these included. reserved_ports: every planned port, to be kept out of the
    ephemeral range.
    """

    address: str
    units: tuple[ServerUnit, ...] = ()
    left_out_units: tuple[str, ...] = ()
    sglang_versions: tuple[str, ...] = ()
    routers: tuple[RouterUnit, ...] = ()
    left_out_routers: tuple[str, ...] = ()
    reserved_ports: str = ""
    reach: tuple[Rule, ...] = ()
    releases: tuple[Release, ...] = ()
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True)
class Instance:
    """One instance of a deployment over all its ranks. name: of its units; instance: its own, as in ServerUnit."""

    name: str
    instance: str
    role: str
    nnodes: int
    ranks: tuple[Rank, ...]
    api_port: int
    scheme: str
    ports: dict[str, str]
    digest: str


@dataclass(frozen=True)
class Bootstrap:
    """Where decode instances ask a prefill instance, and which ranks must have registered there. name: of its units."""

    name: str
    instance: str
    host: str
    address: str
    port: int
    ranks: tuple[Rank, ...]


@dataclass(frozen=True)
class RouterAddress:
    """Where a deployment's router answers."""

    name: str
    host: str
    address: str
    port: int
    scheme: str
    ports: dict[str, str]


@dataclass(frozen=True)
class Command:
    """A command of a release whose options the plan does not know: the parser of the installed release judges it.

    where: the field of sglang_deployments that it comes from. words: of rank 0, after the module that is started.
    environment: its variables, without secrets. hosts: those that run rank 0; one of them asks.
    """

    where: str
    version: str
    words: tuple[str, ...]
    environment: dict[str, str]
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class DeploymentPlan:
    """One deployment: its instances, bootstrap servers and routers.

    unread: a command of each group whose release has options that are not known.
    """

    model: str
    served_model: str
    instances: tuple[Instance, ...] = ()
    bootstrap: tuple[Bootstrap, ...] = ()
    routers: tuple[RouterAddress, ...] = ()
    unread: tuple[Command, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The whole plan.

    peers: name of a set of hosts -> their addresses, which rules refer to. left_out: deployments that are not acted on,
    and that deployments and hosts therefore lack.
    """

    sglang_version: str
    router_package: str
    router_version: str
    models_root: str
    ephemeral_ports: str
    dynamic_ports: dict[str, str]
    port_reasons: dict[str, str]
    warnings: tuple[str, ...]
    peers: dict[str, tuple[str, ...]]
    deployments: dict[str, DeploymentPlan]
    hosts: dict[str, HostPlan] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def find(options: tuple[Option, ...], name: str) -> Option | None:
    """Return the option of a name, None without it."""
    return next((option for option in options if option.name == name), None)
