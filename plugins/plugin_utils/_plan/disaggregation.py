# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What prefill and decode need of each other: one transfer backend, the devices that it uses, and bootstrap servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import PlanError
from .intervals import Interval
from .inventory import Host
from .options import given, load_table
from .placement import Instance
from .programs import SGLANG
from .schema import Group
from .versions import RUST_BOOTSTRAP, Version, spell

DEFAULT_BACKEND = "mooncake"
# Instead of device names: Mooncake looks for them itself, and nothing tells where it finds none.
ANY_DEVICE = "auto"
# Options of decode that prefill heeds too.
BOTH_SIDES = ("disaggregation-decode-allocation-policy",)


def check_disaggregation(groups: Sequence[tuple[Group, Sequence[Host]]], version: Version) -> None:
    """Refuse prefill and decode groups that start but never transfer a KV cache."""
    backends = {group.role: group.disaggregation_transfer_backend or DEFAULT_BACKEND for group, _hosts in groups}
    if len(set(backends.values())) > 1:
        raise PlanError(
            f"deployments.{groups[0][0].deployment}: prefill transfers with {backends['prefill']} but decode with {backends['decode']}; "
            "set the same disaggregation_transfer_backend on both"
        )
    for group, hosts in groups:
        _check_args(group)
        _check_devices(group, hosts, backends[group.role])
        if serves_bootstrap_on_api(group):
            _check_rust(group, version)


def _check_args(group: Group) -> None:
    if group.role == "decode" or given(SGLANG, group.server_args, "enable-pd-role-switch"):
        return
    for key in group.server_args:
        option = load_table(SGLANG).find(str(key), f"{group.where}.server_args.{key}")
        if option and option.name.startswith("disaggregation-decode-") and option.name not in BOTH_SIDES:
            raise PlanError(f"{group.where}.server_args.{key}: --{option.name} is an option of decode; move it to the decode group")


def _check_devices(group: Group, hosts: Sequence[Host], backend: str) -> None:
    at = f"{group.where}.disaggregation_ib_device"
    named = [host for host in hosts if ib_device(group, host) is not None]
    if backend == "fake":
        raise PlanError(f"{group.where}.disaggregation_transfer_backend: fake transfers no KV cache; choose mooncake, mooncake_tcp or nixl")
    if backend in ("nixl", "mooncake_tcp") and named:
        remedy = "name the devices in env: {UCX_NET_DEVICES: ...}" if backend == "nixl" else "remove it, or choose mooncake for RDMA"
        raise PlanError(f"{at}: {backend} does not use it ({named[0].name} has {ib_device(group, named[0])}); {remedy}")
    if backend == "mooncake" and len(named) < len(hosts):
        lacking = next(host.name for host in hosts if host not in named)
        raise PlanError(
            f"{at}: mooncake transfers over RDMA, but no device is named for {lacking}; name them here or in sglang_ib_device of the "
            f"host (mlx5_0,mlx5_1), choose mooncake_tcp for a network without RDMA, or write {ANY_DEVICE} to let Mooncake look for them"
        )
    without = [host.name for host in hosts if "UCX_NET_DEVICES" not in {**group.env, **host.env}]
    if backend == "nixl" and without:
        raise PlanError(
            f"{group.where}.env: nixl takes its devices from UCX_NET_DEVICES, which {without[0]} does not set, and may wait 300 s for each "
            "transfer without it; set it here or in sglang_host_env of the host (mlx5_0:1,mlx5_1:1, or all)"
        )


def ib_device(group: Group, host: Host) -> str | None:
    """Return what the user named for --disaggregation-ib-device on a host."""
    return host.ib_device or group.disaggregation_ib_device


def ib_device_words(group: Group, host: Host) -> list[str]:
    """Return --disaggregation-ib-device for a rank; the host's own value comes before the group's."""
    device = ib_device(group, host)
    return [] if group.role == "server" or device in (None, ANY_DEVICE) else ["--disaggregation-ib-device", str(device)]


def serves_bootstrap_on_api(group: Group) -> bool:
    """Tell whether the rust server answers for the bootstrap server on the port of the API."""
    return group.role == "prefill" and group.env.get("SGLANG_RUST_SERVER") == "1"


def _check_rust(group: Group, version: Version) -> None:
    if group.bootstrap_port is not None:
        raise PlanError(
            f"{group.where}.bootstrap_port: SGLANG_RUST_SERVER answers on the port of the API instead and refuses another one; remove it"
        )
    if version < RUST_BOOTSTRAP:
        raise PlanError(
            f"{group.where}.env.SGLANG_RUST_SERVER: prefill with it needs SGLang {spell(RUST_BOOTSTRAP)}, but sglang_runtime_version is "
            f"{spell(version)}; remove it or raise the version"
        )


def bootstrap_port(ports: Mapping[str, Interval]) -> int:
    """Return the port that the bootstrap server of a prefill instance answers on."""
    return ports.get("bootstrap", ports["api"])[0]


def bootstrap_entry(instance: Instance, ports: Mapping[str, Interval]) -> dict[str, Any]:
    """Return where decode asks a prefill instance, and which ranks must have registered there."""
    leader = instance.hosts[0]
    return {
        "instance": instance.name,
        "host": leader.name,
        "address": leader.address,
        "port": bootstrap_port(ports),
        "ranks": [{"host": host.name, "address": host.address} for host in instance.hosts],
    }
