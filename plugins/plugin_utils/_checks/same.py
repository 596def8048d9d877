# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What must be the same on all hosts of a deployment: one that differs makes the others wait, or fails in words about something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import nccl
from .finding import Finding, section, short

Plan = Mapping[str, Any]
# These follow from the size of the machine, or count what happens.
OWN_SYSCTLS = ("fs.file-max", "kernel.pid_max", "kernel.threads-max", "kernel.shmall", "kernel.shmmax")
AREAS = {"gpu": "gpus", "driver": "driver", "nccl": "nccl", "runtime": "runtime", "mtu": "mtu"}
REMEDIES = {
    "machine": "put hosts of one architecture into a deployment",
    "gpu": "put hosts with the same GPUs into a deployment",
    "driver": "install one version (nvidia_driver_install: true, nvidia_driver_version: {usual})",
    "nccl": "deploy again, so that all hosts have the same runtime, or correct SGLANG_NCCL_SO_PATH there",
    "runtime": "deploy again without --limit; the role sglang_runtime makes them equal",
    "kernel": "start the same kernel (sudo apt-get dist-upgrade, then restart)",
    "mtu": "sudo ip link set {interface} mtu {usual}, and in netplan or node_tuning_mtu",
    "sysctl": "sudo sysctl -w {name}='{usual}', or node_tuning_extra_sysctls: {{{name}: {usual}}}",
}


@dataclass(frozen=True)
class Difference:
    """A thing of which the hosts of a deployment have different values; kind decides what to do."""

    deployment: str
    kind: str
    name: str
    values: Mapping[str, list[str]]

    @property
    def usual(self) -> str:
        """Return the value that most hosts have, of equally many that of the first host."""
        return max(self.values, key=lambda value: len(self.values[value]))

    @property
    def area(self) -> str:
        """Return the column of the table that shows it."""
        return AREAS.get(self.kind, "settings")

    def rows(self) -> Iterable[tuple[str, str, str, str]]:
        """Yield lines of a table: deployment, name, value, hosts."""
        for value, hosts in sorted(self.values.items(), key=lambda entry: -len(entry[1])):
            yield self.deployment, self.name, value, short(hosts)


def values_of(node: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Return (kind, name) -> value of a host; what is not known is left out."""
    kernel, network = section(node, "kernel", {}), section(node, "network", {})
    gpus = [entry["name"] for entry in section(node, "gpu", {}).get("gpus", []) if entry.get("name")]
    libraries = nccl.loaded(section(node, "nccl", []))
    runtimes = section(node, "runtimes", [])
    known: dict[tuple[str, str], Any] = {
        ("machine", "architecture"): kernel.get("machine"),
        ("gpu", "GPU"): ", ".join(dict.fromkeys(gpus)),
        ("driver", "driver"): section(node, "driver", {}).get("userspace"),
        ("nccl", "NCCL"): libraries[-1].get("version") if libraries else None,
        ("runtime", "runtime"): f"SGLang {runtimes[0]['sglang']}, packages {runtimes[0]['digest'][:12]}"
        if runtimes
        else None,
        ("kernel", "kernel"): kernel.get("release"),
        ("mtu", "MTU"): (network.get("cluster") or {}).get("mtu"),
    }
    known |= {
        ("sysctl", name): value for name, value in (kernel.get("sysctls") or {}).items() if name not in OWN_SYSCTLS
    }
    return {key: str(value) for key, value in known.items() if value}


def differences(plan: Plan, nodes: Mapping[str, dict[str, Any]], kinds: Iterable[str]) -> list[Difference]:
    """Return what differs between the hosts of a deployment that serve. kinds: what is looked at."""
    wanted = set(kinds)
    seen = {host: values_of(node) for host, node in nodes.items()}
    found = []
    for deployment, entry in plan["deployments"].items():
        hosts = dict.fromkeys(rank["host"] for instance in entry["instances"] for rank in instance["ranks"])
        grouped: dict[tuple[str, str], dict[str, list[str]]] = {}
        for host in hosts:
            for key, value in seen.get(host, {}).items():
                grouped.setdefault(key, {}).setdefault(value, []).append(host)
        found += [
            Difference(deployment, *key, values)
            for key, values in grouped.items()
            if len(values) > 1 and key[0] in wanted
        ]
    return found


def findings(found: Iterable[Difference], nodes: Mapping[str, dict[str, Any]]) -> dict[str, list[tuple[str, Finding]]]:
    """Return by host what is not as on most hosts of its deployment."""
    wrong: dict[str, list[tuple[str, Finding]]] = {}
    for difference in found:
        most = difference.values[difference.usual]
        for value, hosts in difference.values.items():
            for host in hosts if value != difference.usual else ():
                wrong.setdefault(host, []).append((difference.area, _finding(difference, value, most, nodes[host])))
    return wrong


def _finding(difference: Difference, value: str, most: list[str], node: dict[str, Any]) -> Finding:
    interface = (section(node, "network", {}).get("cluster") or {}).get("interface")
    remedy = REMEDIES[difference.kind].format(name=difference.name, usual=difference.usual, interface=interface)
    needed = f"{difference.usual}, as on {short(most, 3)},"
    return Finding(
        f"same_{difference.kind}", f"{difference.name} is {value}", needed, remedy, grave=difference.kind != "kernel"
    )
