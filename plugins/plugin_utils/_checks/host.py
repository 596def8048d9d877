# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a host must be like before a model is loaded: idle GPUs, free ports, room, a resolver that answers, a clock that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import join, overlap, parse, without

from .finding import Finding, section, short

Area = tuple[str, Finding]


@dataclass(frozen=True)
class Wanted:
    """What the user asks for. room: directory -> GiB."""

    gpus: bool
    room: Mapping[str, float]
    resolver_seconds: float
    clock_seconds: float


def findings(
    node: dict[str, Any], planned: Mapping[str, Any], ephemeral: str, wanted: Wanted, ours: int | None = None
) -> list[Area]:
    """Return what is wrong with a host, each with its area; planned is its entry in the plan, ours the process of this run's listeners."""
    found: list[Area] = [("look", _unseen(problem)) for problem in node.get("problems", [])]
    if wanted.gpus:
        found += [("gpus", finding) for finding in _gpus(node, planned)]
    found += [("ports", finding) for finding in (*_ports(node, planned, ours), *_ephemeral(node, planned, ephemeral))]
    found += [("room", finding) for finding in _room(node, wanted.room)]
    found += [("names", finding) for finding in (*_address(node), *_resolver(node, wanted.resolver_seconds))]
    return [*found, *(("clock", finding) for finding in _clock(node, wanted.clock_seconds))]


def _unseen(problem: str) -> Finding:
    return Finding(
        "unseen", f"could not look everywhere ({problem})", "an answer", "mend that, and look again", grave=False
    )


def silent() -> Area:
    """Return what is wrong with a host of which nothing is known."""
    remedy = "see that ssh and become work there (ansible HOST -m ping --become)"
    return "look", Finding("silent", "it did not answer", "an answer", remedy)


def units_of(planned: Mapping[str, Any]) -> set[str]:
    """Return the services that the plan knows on a host, those of deployments that are left out included."""
    return {f"{name}.service" for name in (*planned["unit_names"], *planned["router_names"])}


def planned_gpus(planned: Mapping[str, Any]) -> set[int]:
    """Return the numbers of the GPUs that the units of a host use; a unit for another device uses none."""
    return {gpu for unit in planned["units"] if _on_gpu(unit["argv"]) for gpu in unit["gpus"]}


def _on_gpu(argv: list[str]) -> bool:
    return "--device" not in argv or argv[argv.index("--device") + 1] == "cuda"


def _gpus(node: dict[str, Any], planned: Mapping[str, Any]) -> list[Finding]:
    needed = planned_gpus(planned)
    if not needed:
        return []
    gpu = section(node, "gpu", {})
    here = {entry["index"]: entry for entry in gpu.get("gpus", []) if entry["index"] is not None and not entry["lost"]}
    lost = [entry["pci"] for entry in gpu.get("gpus", []) if entry["lost"]]
    found = []
    if not needed <= set(here):
        seen = f"{len(here)} GPUs work" + (f", and {short(lost)} on the bus cannot be reached" if lost else "")
        remedy = "see sudo dmesg | grep -i xid and nvidia-smi, restart the host, or correct sglang_gpus_per_node"
        found.append(Finding("count", seen, f"GPUs {', '.join(map(str, sorted(needed)))} (the plan)", remedy))
    chosen = {index: here[index] for index in sorted(needed & set(here))}
    return [*found, *_busy(gpu.get("processes", []), chosen, units_of(planned)), *_unfit(chosen)]


def _busy(
    processes: Iterable[Mapping[str, Any]], chosen: Mapping[int, Mapping[str, Any]], ours: set[str]
) -> Iterable[Finding]:
    indexes = {entry["uuid"]: index for index, entry in chosen.items()}
    for process in processes:
        if process["gpu"] in indexes and process.get("unit") not in ours:
            who = f"process {process['pid']} ({process.get('command') or process['name']}) of {process.get('user') or 'another user'}"
            seen = f"GPU {indexes[process['gpu']]} is used by {who}, {process.get('memory_mib') or 0} MiB"
            yield Finding("busy", seen, "an idle GPU", f"{ending(process)}, or take this host out of the deployment")


def _unfit(chosen: Mapping[int, Mapping[str, Any]]) -> Iterable[Finding]:
    for index, entry in chosen.items():
        if entry.get("mig"):
            remedy = f"sudo nvidia-smi -i {index} -mig 0"
            yield Finding("mig", f"GPU {index} is cut into instances (MIG)", "a whole GPU", remedy)
        fabric = entry.get("fabric") or {}
        if fabric and (fabric.get("state"), fabric.get("status")) != ("Completed", "Success"):
            seen = (
                f"GPU {index} has not joined the fabric of NVSwitches ({fabric.get('state')}, {fabric.get('status')})"
            )
            remedy = "see sudo journalctl -u nvidia-fabricmanager, and restart it (sudo systemctl restart nvidia-fabricmanager)"
            yield Finding("fabric", seen, "Completed, Success", remedy)
        if entry.get("ecc_errors"):
            seen = f"GPU {index} had {entry['ecc_errors']} memory errors that could not be corrected since its start"
            yield Finding(
                "ecc", seen, "none", f"reset it (sudo nvidia-smi -i {index} --gpu-reset) and watch it", grave=False
            )


def ending(owner: Mapping[str, Any]) -> str:
    """Return how to end a process; never by stopping the service of a login that it was started from."""
    unit = owner.get("unit") or ""
    if unit.endswith(".service") and not unit.startswith(("ssh", "user@")):
        return f"stop it (sudo systemctl stop {unit})"
    return f"end it (sudo kill {owner['pid']})" if owner.get("pid") else "find and end it (sudo ss -ltnp)"


def foreign(node: dict[str, Any], planned: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return who listens on a planned port and is no unit of the plan."""
    ranges = parse(planned["reserved_ports"])
    ours = units_of(planned)
    return [
        listener
        for listener in section(node, "listeners", [])
        if any(first <= listener["port"] <= last for first, last in ranges) and listener.get("unit") not in ours
    ]


def _ports(node: dict[str, Any], planned: Mapping[str, Any], ours: int | None) -> Iterable[Finding]:
    by_owner: dict[Any, list[Mapping[str, Any]]] = {}
    for listener in foreign(node, planned):
        if ours is None or listener.get("pid") != ours:
            by_owner.setdefault(listener.get("pid"), []).append(listener)
    for process, listeners in by_owner.items():
        one = listeners[0]
        owner = (
            f"process {process} ({one.get('command')}) of {one.get('user')}"
            if process
            else "a process that this user cannot see"
        )
        ports = join((listener["port"], listener["port"]) for listener in listeners)
        unit = f", unit {one['unit']}" if one.get("unit") else ""
        seen = f"port {ports} is in use by {owner}{unit}"
        yield Finding("taken", seen, "a free port (the plan)", f"{ending(one)}, or give the deployment other ports")


def _ephemeral(node: dict[str, Any], planned: Mapping[str, Any], assumed: str) -> Iterable[Finding]:
    ports = section(node, "kernel", {}).get("ports") or {}
    hands_out = ports.get("ephemeral")
    if not hands_out:
        return
    if hands_out != assumed:
        remedy = f"set sglang_plan_ephemeral_ports: {hands_out}, or sudo sysctl net.ipv4.ip_local_port_range='{assumed.replace('-', ' ')}'"
        yield Finding(
            "range", f"the kernel hands out the ports {hands_out}", f"{assumed} (the plan, for the firewall)", remedy
        )
    exposed = [
        interval
        for interval in parse(planned["reserved_ports"])
        if any(overlap(interval, other) for other in parse(hands_out))
    ]
    open_to_all = without(exposed, parse(ports.get("reserved") or ""))
    if open_to_all:
        remedy = "deploy with node_tuning_manage: true, or add them to net.ipv4.ip_local_reserved_ports"
        yield Finding(
            "reserved", f"the kernel may hand out the planned ports {join(open_to_all)}", "them reserved", remedy
        )


def _room(node: dict[str, Any], room: Mapping[str, float]) -> Iterable[Finding]:
    for disk in section(node, "disks", []):
        needed = room.get(disk["path"])
        if needed is not None and disk["free_mib"] is not None and disk["free_mib"] < needed * 1024:
            seen = f"{disk['path']} (on {disk['mount']}, {disk['device']}) has {disk['free_mib'] / 1024:.1f} GiB free"
            remedy = f"make room (sudo du -xh -d 2 {disk['mount']} | sort -h | tail), or use a larger disk"
            yield Finding("room", seen, f"{needed:g} GiB (preflight_room_gib)", remedy)


def _address(node: dict[str, Any]) -> Iterable[Finding]:
    cluster = section(node, "network", {}).get("cluster")
    if not cluster:
        return
    if cluster["interface"] is None:
        remedy = "correct sglang_cluster_address of this host, or give the address to an interface"
        yield Finding(
            "address", f"no interface has the address {cluster['address']}", "one that has it (the plan)", remedy
        )
    elif cluster["for_containers"]:
        seen = f"the address {cluster['address']} is on {cluster['interface']}, which no other host reaches"
        yield Finding(
            "address", seen, "an address of the cluster's network", "correct sglang_cluster_address of this host"
        )


def _resolver(node: dict[str, Any], seconds: float) -> Iterable[Finding]:
    resolver = section(node, "network", {}).get("resolver")
    if resolver and (not resolver["answered"] or resolver["seconds"] > seconds):
        seen = f"the resolver took {resolver['seconds']:g} s{'' if resolver['answered'] else ' and more'} to look for the name of an address"
        remedy = (
            "correct the servers in /etc/resolv.conf (resolvectl status): a start waits for them at every connection"
        )
        yield Finding("resolver", seen, f"{seconds:g} s at most (preflight_resolver_seconds)", remedy)


def _clock(node: dict[str, Any], seconds: float) -> Iterable[Finding]:
    clock = section(node, "clock", {})
    offset = clock.get("offset_seconds")
    if offset is not None and abs(offset) > seconds:
        remedy = "let its daemon correct it (sudo chronyc makestep), and see that its servers answer (chronyc sources)"
        yield Finding(
            "offset", f"its clock is {abs(offset):.3f} s off, says {clock['source']}", f"{seconds:g} s at most", remedy
        )
    elif (
        clock
        and not clock.get("source")
        and not clock.get("synchronized")
        and not section(node, "kernel", {}).get("container")
    ):
        remedy = "deploy with node_tuning_manage: true, or sudo apt-get install chrony"
        yield Finding("unkept", "nothing keeps its clock", "chrony or another daemon", remedy, grave=False)
