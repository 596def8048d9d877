# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The options and the environment of each rank."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import host_port
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Option, find

from .disaggregation import ib_device_option
from .errors import PlanError
from .gpus import Gpus, is_uuid
from .intervals import Interval
from .listeners import wildcard
from .options import named, read_args
from .placement import Placed
from .ports import fixed_ports
from .programs import PORT_OPTIONS, SGLANG, SGLANG_WITH_RELEASE
from .schema import Deployment, Group
from .tables import load_table, needs
from .values import checked, one_text
from .versions import ATTN_DP_SIZE, Version

# Over a network, mapped files come in single pages; every rank reads its share of them as a whole instead.
PREFETCH = "weight-loader-prefetch-checkpoints"
_LOADING = {PREFETCH, "weight-loader-disable-mmap", "load-format"}


@dataclass(frozen=True)
class Shared:
    """What all ranks of a group have: the options before the addresses, the user's, which come last, and ports."""

    head: tuple[Option, ...]
    tail: tuple[Option, ...]
    scheme: str
    ports: Mapping[str, Interval]


def shared_options(deployment: Deployment, group: Group, version: Version, warnings: list[str]) -> Shared:
    """Return the options that all ranks of all instances of a group share."""
    head = [Option("model-path", (_name(deployment.model, f"{deployment.where}.model"),))]
    if deployment.served_model_name:
        name = _name(deployment.served_model_name, f"{deployment.where}.served_model_name")
        head.append(_option("served-model-name", name))
    head += [*_parallel(group, version), *_disaggregation(group, version), *_loading(deployment, group, version)]
    program = SGLANG_WITH_RELEASE if deployment.entry and deployment.entry.copy else SGLANG
    tail = read_args(program, group.server_args, version, f"{group.where}.server_args", warnings)
    files = [name for name in ("ssl-certfile", "ssl-keyfile") if find(tail, name)]
    if len(files) == 1:
        raise PlanError(
            f"{group.where}.server_args.{files[0]}: TLS needs a certificate and its key; set ssl-certfile and "
            "ssl-keyfile"
        )
    return Shared(tuple(head), tail, "https" if find(tail, "ssl-certfile") else "http", fixed_ports(group, tail))


def _name(text: str, where: str) -> str:
    """Return the name of a model, which is one line and no option."""
    name = one_text(text, where)
    if name.startswith("-") or "\n" in name:
        raise PlanError(f"{where}: {text!r} is not a name; write a path or a name in one line without a dash in front")
    return name


@functools.lru_cache(maxsize=4096)
def _option(name: str, value: object) -> Option:
    """Many ranks have the same ports, sizes and addresses: one object for all of them."""
    return Option(name, (str(value),))


def _loading(deployment: Deployment, group: Group, version: Version) -> list[Option]:
    over_network = deployment.entry is not None and not deployment.entry.copy
    known = PREFETCH in load_table(SGLANG, version).by_spelling
    chosen = _LOADING & named(SGLANG, group.server_args, version)
    return [Option(PREFETCH)] if over_network and known and not chosen else []


def _parallel(group: Group, version: Version) -> list[Option]:
    sizes = (("pp-size", group.pp_size), ("dp-size", group.dp_size), ("ep-size", group.ep_size))
    found = [_option("tp-size", group.tp_size), *(_option(name, size) for name, size in sizes if size > 1)]
    if group.attn_dp_size > 1 and version >= ATTN_DP_SIZE:
        found.append(_option("attn-dp-size", group.attn_dp_size))
    elif group.attn_dp_size > 1:
        found += [_option("dp-size", group.attn_dp_size), Option("enable-dp-attention")]
    if group.moe_a2a_backend is not None:
        found += _checked("moe-a2a-backend", group.moe_a2a_backend, group.where, version)
    if group.ep_num_redundant_experts:
        found.append(_option("ep-num-redundant-experts", group.ep_num_redundant_experts))
    return found


def _disaggregation(group: Group, version: Version) -> list[Option]:
    if group.role == "server":
        return []
    found = [_option("disaggregation-mode", group.role)]
    backend = group.disaggregation_transfer_backend
    if backend is not None:
        found += _checked("disaggregation-transfer-backend", backend, group.where, version)
    return found


def _checked(name: str, value: Any, where: str, version: Version) -> tuple[Option, ...]:
    known = load_table(SGLANG, version).by_spelling[name]
    return checked(known, value, f"{where}.{name.replace('-', '_')}", SGLANG, version)


def rank_options(shared: Shared, placed: Placed, rank: int, ports: Mapping[str, Interval]) -> tuple[Option, ...]:
    """Return all options of one rank."""
    group = placed.group
    found = [_option("dist-init-addr", host_port(placed.hosts[0].address, ports["dist_init"][0]))]
    if group.nnodes > 1:
        found += [_option("nnodes", group.nnodes), _option("node-rank", rank)]
    listens = group.host or wildcard(placed.hosts[rank].address)
    found += [_option("host", listens), _option("port", ports["api"][0]), _option("nccl-port", ports["nccl"][0])]
    if not placed.hosts[rank].listed and placed.gpus[rank][0]:
        found.append(_option("base-gpu-id", placed.gpus[rank][0]))
    found += ib_device_option(placed, rank)
    if "bootstrap" in ports:
        found.append(_option("disaggregation-bootstrap-port", ports["bootstrap"][0]))
    found += [_option(name, ports[name][0]) for name in group.extra_ports]
    return (*shared.head, *found, *shared.tail)


def rank_environment(placed: Placed, rank: int) -> dict[str, str]:
    """Return the environment of one rank; the interface is found on the host unless the inventory names one.

    Where the user lists GPUs, servers see no other: processes on all of them would open a context on the first one.
    """
    host = placed.hosts[rank]
    out = {"SGLANG_HOST_IP": host.address}
    if host.interface:
        # NCCL reads a bare name as a prefix: eth1 would match eth10.
        out |= {"GLOO_SOCKET_IFNAME": host.interface, "NCCL_SOCKET_IFNAME": f"={host.interface}"}
    if placed.group.role != "server" and ":" in host.address:
        # Mooncake listens on IPv4 alone without it.
        out["MC_USE_IPV6"] = "1"
    return {**out, **placed.group.env, **host.env, **(_visible(placed.gpus[rank]) if host.listed else {})}


def _visible(gpus: Gpus) -> dict[str, str]:
    shown = {"CUDA_VISIBLE_DEVICES": ",".join(map(str, gpus))}
    # CUDA's own order may be another one than that of nvidia-smi.
    return shown if is_uuid(gpus[0]) else {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", **shown}


def check_extra_ports(group: Group, version: Version) -> None:
    """Refuse extra ports that are not ports of SGLang, or not numbers."""
    for name, port in group.extra_ports.items():
        where = f"{group.where}.extra_ports.{name}"
        if name not in PORT_OPTIONS:
            raise PlanError(f"{where}: no option of this name opens a port; use one of {', '.join(PORT_OPTIONS)}")
        if isinstance(port, bool) or not isinstance(port, int):
            raise PlanError(f"{where}: {port!r} is not a port; write a number, without quotes")
        table = load_table(SGLANG, version)
        if table.listed and name not in table.by_spelling:
            raise needs(SGLANG, name, version, where)
