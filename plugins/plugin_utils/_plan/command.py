# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The complete command line and environment of each rank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .disaggregation import ib_device_words
from .errors import PlanError
from .intervals import Interval
from .options import args_words, load_table, named, option_words
from .placement import Instance
from .programs import PORT_OPTIONS, SGLANG, SGLANG_WITH_RELEASE
from .schema import Deployment, Group
from .versions import ATTN_DP_SIZE, MOONCAKE_TCP, Version, spell

LAUNCH = ("-m", "sglang.launch_server")
# Over a network, mapped files come in single pages; every rank reads its share of them as a whole instead.
PREFETCH = "weight-loader-prefetch-checkpoints"
_LOADING = {PREFETCH, "weight-loader-disable-mmap", "load-format"}


def join_host_port(address: str, port: int) -> str:
    """10.0.0.1, 20000 -> 10.0.0.1:20000; an IPv6 address goes in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def shared_words(
    deployment: Deployment, group: Group, version: Version, warnings: list[str]
) -> tuple[list[str], list[str]]:
    """Return the words that all ranks of all instances of a group share: those before the addresses, and the user's last."""
    head = [*LAUNCH, "--model-path", deployment.model]
    if deployment.served_model_name:
        head += ["--served-model-name", deployment.served_model_name]
    head += _parallel(group, version) + _disaggregation(group, version) + _loading(deployment, group, version)
    program = SGLANG_WITH_RELEASE if deployment.entry and deployment.entry.copy else SGLANG
    return head, args_words(program, group.server_args, version, f"{group.where}.server_args", warnings)


def _loading(deployment: Deployment, group: Group, version: Version) -> list[str]:
    over_network = deployment.entry is not None and not deployment.entry.copy
    known = version >= SGLANG.since.get(PREFETCH, version)
    return [f"--{PREFETCH}"] if over_network and known and not _LOADING & named(SGLANG, group.server_args) else []


def _parallel(group: Group, version: Version) -> list[str]:
    words = ["--tp-size", str(group.tp_size)]
    for option, size in (("--pp-size", group.pp_size), ("--dp-size", group.dp_size), ("--ep-size", group.ep_size)):
        if size > 1:
            words += [option, str(size)]
    if group.attn_dp_size > 1:
        words += (
            ["--attn-dp-size", str(group.attn_dp_size)]
            if version >= ATTN_DP_SIZE
            else ["--dp-size", str(group.attn_dp_size), "--enable-dp-attention"]
        )
    if group.moe_a2a_backend is not None:
        words += _checked("moe-a2a-backend", group.moe_a2a_backend, group.where)
    if group.ep_num_redundant_experts:
        words += ["--ep-num-redundant-experts", str(group.ep_num_redundant_experts)]
    return words


def _disaggregation(group: Group, version: Version) -> list[str]:
    if group.role == "server":
        return []
    words = ["--disaggregation-mode", group.role]
    backend = group.disaggregation_transfer_backend
    if backend is not None:
        if backend == "mooncake_tcp" and version < MOONCAKE_TCP:
            raise PlanError(
                f"{group.where}.disaggregation_transfer_backend: mooncake_tcp needs SGLang {spell(MOONCAKE_TCP)}, but "
                f"the version is {spell(version)}; raise sglang_runtime_version"
            )
        words += _checked("disaggregation-transfer-backend", backend, group.where)
    return words


def _checked(name: str, value: Any, where: str) -> list[str]:
    return option_words(load_table(SGLANG).by_spelling[name], value, f"{where}.{name.replace('-', '_')}")


def rank_argv(
    head: list[str], tail: list[str], instance: Instance, rank: int, ports: Mapping[str, Interval]
) -> list[str]:
    """Return the words after the interpreter for one rank."""
    group = instance.group
    words = [*head, "--dist-init-addr", join_host_port(instance.hosts[0].address, ports["dist_init"][0])]
    if group.nnodes > 1:
        words += ["--nnodes", str(group.nnodes), "--node-rank", str(rank)]
    words += ["--host", group.host, "--port", str(ports["api"][0]), "--nccl-port", str(ports["nccl"][0])]
    if instance.base_gpus[rank]:
        words += ["--base-gpu-id", str(instance.base_gpus[rank])]
    words += ib_device_words(group, instance.hosts[rank], f"sglang-{instance.name}")
    if "bootstrap" in ports:
        words += ["--disaggregation-bootstrap-port", str(ports["bootstrap"][0])]
    for name in group.extra_ports:
        words += [f"--{name}", str(ports[name][0])]
    return words + tail


def rank_environment(instance: Instance, rank: int) -> dict[str, str]:
    """Return the environment of one rank; the interface names are resolved on the host unless the inventory gives one."""
    host = instance.hosts[rank]
    out = {"SGLANG_HOST_IP": host.address}
    if host.interface:
        out |= {"GLOO_SOCKET_IFNAME": host.interface, "NCCL_SOCKET_IFNAME": host.interface}
    return {**out, **instance.group.env, **host.env}


def check_extra_ports(group: Group) -> None:
    """Refuse extra ports that are not ports of SGLang, or not numbers."""
    for name, port in group.extra_ports.items():
        where = f"{group.where}.extra_ports.{name}"
        if name not in PORT_OPTIONS:
            raise PlanError(f"{where}: it is not an option that opens a port; these are {', '.join(PORT_OPTIONS)}")
        if isinstance(port, bool) or not isinstance(port, int):
            raise PlanError(f"{where}: {port!r} is not a port number")
