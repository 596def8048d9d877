# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""A host before a model is loaded: idle GPUs, free space, a resolver that answers, a clock that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import join
from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

from . import files, ports, silence
from .finding import WARNING, Finding, section
from .owners import ending, stopped, strays, who

Planned = Mapping[str, Any]
FABRIC_READY = ("Completed", "Success")
KEEPING_TIME = "deploy with node_tuning_manage: true, or install chrony"


@dataclass(frozen=True)
class Wanted:
    """What a host must have. free_gib: directory -> GiB. prune: whether a deploy stops units that left the plan.

    install_gib: directory -> GiB that each release of SGLang needs that is not installed yet.
    """

    gpus: bool
    free_gib: Mapping[str, float]
    resolver_seconds: float
    clock_seconds: float
    prune: bool = True
    install_gib: Mapping[str, float] = field(default_factory=dict)


def findings(
    node: dict[str, Any], planned: Planned, ephemeral: str, wanted: Wanted, ours: int | None = None
) -> list[Finding]:
    """Return what is wrong with a host. planned: its entry in the plan; ours: the process of this run's listeners."""
    known = stopped(node, planned, wanted.prune)
    return [
        *(_unknown(problem) for problem in node.get("problems", [])),
        *(_gpus(node, planned, known) if wanted.gpus else []),
        *ports.findings(node, planned, ephemeral, known, ours),
        *_strays(node, planned, wanted.prune),
        *files.findings(node, planned),
        *_free_space(node, wanted.free_gib),
        *_room(node, planned, wanted.install_gib),
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


def _strays(node: dict[str, Any], planned: Planned, prune: bool) -> Iterable[Finding]:
    for unit in strays(node, planned):
        rank = "" if unit["rank"] is None else f" rank {unit['rank']}"
        found = f"unit {unit['name']} ({unit['title']}{rank}) is not in the plan"
        fix = "run deploy.yml, which stops and removes it" if prune else "deploy with sglang_server_prune: true"
        yield Finding("ports", "stray", found, "", fix, severity=WARNING)


def planned_gpus(planned: Planned) -> set[int | str]:
    """Return the GPUs that the units of a host use, by index or UUID; a unit for another device uses none."""
    units = [unit for unit in planned["units"] if device_of(unit) == "cuda"]
    return {gpu for unit in units for gpu in (*unit["gpus"], *unit["gpu_uuids"])}


def device_of(unit: Mapping[str, Any]) -> str:
    """Return the device that a unit of the plan computes on."""
    return next((option["values"][0] for option in unit["options"] if option["name"] == "device"), "cuda")


def _gpus(node: dict[str, Any], planned: Planned, stopping: set[str]) -> list[Finding]:
    needed = planned_gpus(planned)
    if not needed:
        return []
    gpu = section(node, "gpu", {})
    every = gpu.get("gpus", [])
    working = [entry for entry in every if entry["index"] is not None and not entry["lost"]]
    lost = [entry["pci"] for entry in every if entry["lost"]]
    known = {name: one for entry in working for name, one in _names(entry)}
    found = list(_missing_gpus(needed - set(known), needed, working, lost))
    used = {name: known[name] for name in sorted(needed & set(known), key=str)}
    found += _busy(gpu.get("processes", []), used, stopping)
    for entry in used.values():
        found += _unfit(entry)
    return found


def _names(entry: Mapping[str, Any]) -> Iterable[tuple[int | str, Mapping[str, Any]]]:
    """Return how the plan may name a GPU and its MIG slices; a slice is what its GPU is, but for its UUID."""
    yield entry["index"], {**entry, "title": f"GPU {entry['index']}"}
    yield entry["uuid"], {**entry, "title": entry["uuid"]}
    for one in entry.get("mig_devices") or []:
        yield one["uuid"], {**entry, "uuid": one["uuid"], "title": one["uuid"], "mig": False}


def _missing_gpus(
    missing: set[int | str], needed: set[int | str], working: Iterable[Mapping[str, Any]], lost: list[str]
) -> Iterable[Finding]:
    gone = f", no answer from {first_few(lost)} on the PCI bus" if lost else ""
    if any(isinstance(gpu, int) for gpu in missing):
        present = join((entry["index"], entry["index"]) for entry in working)
        expected = f"GPUs {join((gpu, gpu) for gpu in needed if isinstance(gpu, int))}, from the plan"
        fix = "see nvidia-smi and sudo dmesg | grep -i xid, then restart the host or correct sglang_gpus_per_node"
        if not present and not lost:
            # Nothing of NVIDIA's runs here, so nothing can have failed.
            fix = (
                "see lspci | grep -i nvidia; if it lists GPUs, deploy with nvidia_driver_install: true, otherwise "
                "correct sglang_gpus_per_node"
            )
        yield Finding("gpus", "count", f"working GPUs: {present or 'none'}{gone}", expected, fix)
    uuids = sorted(gpu for gpu in missing if isinstance(gpu, str))
    if uuids:
        found = f"no working GPU or MIG slice has the UUID {first_few(uuids, separator=' or ')}{gone}"
        fix = "see nvidia-smi -L, and correct sglang_gpus of this host"
        yield Finding("gpus", "count", found, "those in sglang_gpus", fix)


def _busy(
    processes: Iterable[Mapping[str, Any]], used: Mapping[int | str, Mapping[str, Any]], ours: set[str]
) -> Iterable[Finding]:
    titles = {entry["uuid"]: entry["title"] for entry in used.values()}
    for process in processes:
        if process["gpu"] in titles and process.get("unit") not in ours:
            owner = who({**process, "command": process.get("command") or process["name"]})
            found = f"{titles[process['gpu']]} is used by {owner}, {process.get('memory_mib') or 0} MiB"
            fix = f"{ending(process)}, or take this host out of the deployment"
            yield Finding("gpus", "busy", found, "an idle GPU", fix)


def _unfit(entry: Mapping[str, Any]) -> Iterable[Finding]:
    title, index = entry["title"], entry["index"]
    if entry.get("mig"):
        found = f"{title} is in MIG mode"
        fix = f"switch MIG off (sudo nvidia-smi -i {index} -mig 0), or list its slices in sglang_gpus of this host"
        yield Finding("gpus", "mig", found, "a whole GPU", fix)
    fabric = entry.get("fabric") or {}
    if fabric and (fabric.get("state"), fabric.get("status")) != FABRIC_READY:
        found = f"{title} has NVSwitch fabric state {fabric.get('state')}, status {fabric.get('status')}"
        fix = (
            "see sudo journalctl -u nvidia-fabricmanager, then restart it (sudo systemctl restart nvidia-fabricmanager)"
        )
        yield Finding("gpus", "fabric", found, ", ".join(FABRIC_READY), fix)
    if entry.get("ecc_errors"):
        found = f"{title} has {entry['ecc_errors']} uncorrected memory errors since the driver was loaded"
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


def _room(node: dict[str, Any], planned: Planned, install_gib: Mapping[str, float]) -> Iterable[Finding]:
    installed = {entry["sglang"] for entry in section(node, "runtimes", [])}
    missing = [version for version in planned["sglang_versions"] if version not in installed]
    for disk in section(node, "disks", []):
        needed = install_gib.get(disk["path"], 0) * len(missing)
        if disk["free_mib"] is not None and disk["free_mib"] < needed * 1024:
            free = f"{disk['free_mib'] / 1024:.1f} GiB free"
            found = f"{disk['path']} has {free} on {disk['mount']} of {disk['device']}"
            expected = f"{needed:g} GiB to install SGLang {' and '.join(missing)}, see sglang_runtime_free_gib"
            fix = f"free space (sudo du -xh -d 2 {disk['mount']} | sort -h | tail), or set sglang_runtime_root"
            yield Finding("space", "room", found, expected, fix)


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
