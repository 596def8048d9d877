# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""A host before a model is loaded: idle GPUs, free space, a resolver that answers, a clock that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import join
from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

from . import ports, silence
from .finding import WARNING, Finding, section
from .owners import ending, services, who

Planned = Mapping[str, Any]
FABRIC_READY = ("Completed", "Success")
KEEPING_TIME = "deploy with node_tuning_manage: true, or install chrony (sudo apt-get install chrony)"


@dataclass(frozen=True)
class Wanted:
    """What a host must have. free_gib: directory -> GiB."""

    gpus: bool
    free_gib: Mapping[str, float]
    resolver_seconds: float
    clock_seconds: float


def findings(
    node: dict[str, Any], planned: Planned, ephemeral: str, wanted: Wanted, ours: int | None = None
) -> list[Finding]:
    """Return what is wrong with a host. planned: its entry in the plan; ours: the process of this run's listeners."""
    return [
        *(_unknown(problem) for problem in node.get("problems", [])),
        *(_gpus(node, planned) if wanted.gpus else []),
        *ports.findings(node, planned, ephemeral, ours),
        *_free_space(node, wanted.free_gib),
        *_address(node),
        *_resolver(node, wanted.resolver_seconds),
        *_clock(node, wanted.clock_seconds),
    ]


def no_answer(host: str, message: str) -> Finding:
    """Return what is wrong with a host without facts. message: what Ansible said of it."""
    reason = silence.explain(message, host)
    return Finding("facts", "no_answer", reason.found, "", reason.fix)


def _unknown(problem: str) -> Finding:
    fix = "fix this, and run preflight again"
    return Finding("facts", "unknown", f"facts are incomplete: {problem}", "", fix, severity=WARNING)


def planned_gpus(planned: Planned) -> set[int]:
    """Return the indexes of the GPUs that the units of a host use; a unit for another device uses none."""
    return {gpu for unit in planned["units"] if device_of(unit) == "cuda" for gpu in unit["gpus"]}


def device_of(unit: Mapping[str, Any]) -> str:
    """Return the device that a unit of the plan computes on."""
    return next((option["values"][0] for option in unit["options"] if option["name"] == "device"), "cuda")


def _gpus(node: dict[str, Any], planned: Planned) -> list[Finding]:
    needed = planned_gpus(planned)
    if not needed:
        return []
    gpu = section(node, "gpu", {})
    every = gpu.get("gpus", [])
    working = {entry["index"]: entry for entry in every if entry["index"] is not None and not entry["lost"]}
    lost = [entry["pci"] for entry in every if entry["lost"]]
    found = [] if needed <= set(working) else [_missing_gpus(needed, working, lost)]
    used = {index: working[index] for index in sorted(needed & set(working))}
    found += _busy(gpu.get("processes", []), used, services(planned))
    for index, entry in used.items():
        found += _unfit(index, entry)
    return found


def _missing_gpus(needed: set[int], working: Iterable[int], lost: list[str]) -> Finding:
    present = join((index, index) for index in working)
    found = f"working GPUs: {present or 'none'}"
    found += f", no answer from {first_few(lost)} on the PCI bus" if lost else ""
    expected = f"GPUs {join((index, index) for index in needed)}, from the plan"
    fix = "see nvidia-smi and sudo dmesg | grep -i xid, then restart the host or correct sglang_gpus_per_node"
    return Finding("gpus", "count", found, expected, fix)


def _busy(
    processes: Iterable[Mapping[str, Any]], used: Mapping[int, Mapping[str, Any]], ours: set[str]
) -> Iterable[Finding]:
    indexes = {entry["uuid"]: index for index, entry in used.items()}
    for process in processes:
        if process["gpu"] in indexes and process.get("unit") not in ours:
            owner = who({**process, "command": process.get("command") or process["name"]})
            found = f"GPU {indexes[process['gpu']]} is used by {owner}, {process.get('memory_mib') or 0} MiB"
            fix = f"{ending(process)}, or take this host out of the deployment"
            yield Finding("gpus", "busy", found, "an idle GPU", fix)


def _unfit(index: int, entry: Mapping[str, Any]) -> Iterable[Finding]:
    if entry.get("mig"):
        found, fix = f"GPU {index} is in MIG mode", f"switch MIG off (sudo nvidia-smi -i {index} -mig 0)"
        yield Finding("gpus", "mig", found, "a whole GPU", fix)
    fabric = entry.get("fabric") or {}
    if fabric and (fabric.get("state"), fabric.get("status")) != FABRIC_READY:
        found = f"GPU {index} has NVSwitch fabric state {fabric.get('state')}, status {fabric.get('status')}"
        fix = (
            "see sudo journalctl -u nvidia-fabricmanager, then restart it (sudo systemctl restart nvidia-fabricmanager)"
        )
        yield Finding("gpus", "fabric", found, ", ".join(FABRIC_READY), fix)
    if entry.get("ecc_errors"):
        found = f"GPU {index} has {entry['ecc_errors']} uncorrected memory errors since the driver was loaded"
        fix = f"reset it (sudo nvidia-smi -i {index} --gpu-reset), and replace it if they come back"
        yield Finding("gpus", "ecc", found, "0", fix, severity=WARNING)


def _free_space(node: dict[str, Any], free_gib: Mapping[str, float]) -> Iterable[Finding]:
    for disk in section(node, "disks", []):
        needed = free_gib.get(disk["path"])
        if needed is not None and disk["free_mib"] is not None and disk["free_mib"] < needed * 1024:
            free = f"{disk['free_mib'] / 1024:.1f} GiB free"
            found = f"{disk['path']} has {free} on {disk['mount']} of {disk['device']}"
            fix = f"free space (sudo du -xh -d 2 {disk['mount']} | sort -h | tail), or use a larger disk"
            yield Finding("space", "free_space", found, f"{needed:g} GiB, see preflight_free_gib", fix)


def _address(node: dict[str, Any]) -> Iterable[Finding]:
    cluster = section(node, "network", {}).get("cluster")
    if not cluster:
        return
    fix = "correct sglang_cluster_address of this host"
    if cluster["interface"] is None:
        found = f"no interface has the cluster address {cluster['address']}"
        yield Finding("address", "address", found, "", f"{fix}, or add the address to an interface")
    elif cluster["for_containers"]:
        found = f"cluster address {cluster['address']} is on {cluster['interface']}, which other hosts cannot reach"
        yield Finding("address", "address", found, "an address on the cluster network", fix)


def _resolver(node: dict[str, Any], seconds: float) -> Iterable[Finding]:
    resolver = section(node, "network", {}).get("resolver")
    if resolver and (not resolver["answered"] or resolver["seconds"] > seconds):
        outcome = "took" if resolver["answered"] else "got no answer in"
        found = f"the reverse lookup of a peer's address {outcome} {resolver['seconds']:g} s"
        fix = "correct the DNS servers (resolvectl status, /etc/resolv.conf); servers wait for them at each connection"
        yield Finding("address", "resolver", found, f"at most {seconds:g} s, see preflight_resolver_seconds", fix)


def _clock(node: dict[str, Any], seconds: float) -> Iterable[Finding]:
    clock = section(node, "clock", {})
    offset = clock.get("offset_seconds")
    if offset is not None and abs(offset) > seconds:
        found = f"the clock is {abs(offset):.3f} s off according to {clock['source']}"
        fix = "step the clock (sudo chronyc makestep), and check its time servers (chronyc sources)"
        yield Finding("clock", "offset", found, f"at most {seconds:g} s, see preflight_clock_seconds", fix)
    elif _is_unkept(node, clock):
        found = "no time service runs"
        yield Finding("clock", "unkept", found, "chrony or another one", KEEPING_TIME, severity=WARNING)


def _is_unkept(node: dict[str, Any], clock: Mapping[str, Any]) -> bool:
    """Return whether nothing keeps the clock. A container has that of the machine under it."""
    kept = clock.get("source") or clock.get("synchronized") or section(node, "kernel", {}).get("container")
    return bool(clock) and not kept
