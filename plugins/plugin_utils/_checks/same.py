# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What must be the same on all hosts of a deployment: one that differs blocks the others, or fails obscurely."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

from . import nccl
from .finding import ERROR, WARNING, Finding, section

Plan = Mapping[str, Any]
Nodes = Mapping[str, dict[str, Any]]
KINDS = ("machine", "gpu", "driver", "nccl", "runtime", "sysctl", "mtu", "kernel")
# These depend on the size of a host, or count events.
OWN_SYSCTLS = ("fs.file-max", "kernel.pid_max", "kernel.threads-max", "kernel.shmall", "kernel.shmmax")
AREAS = {"gpu": "gpus", "driver": "driver", "nccl": "nccl", "runtime": "runtime", "mtu": "mtu"}
FIXES = {
    "machine": "use hosts of one architecture in a deployment",
    "gpu": "use hosts with the same GPUs in a deployment",
    "driver": "deploy with nvidia_driver_install: true and nvidia_driver_version: {usual}, or install one version",
    "nccl": "deploy again to all hosts of the deployment, or correct SGLANG_NCCL_SO_PATH on this one",
    "runtime": "pin the packages in sglang_runtime_constraints, and deploy to all hosts of the deployment",
    "kernel": "boot the same kernel (sudo apt-get dist-upgrade, then restart)",
    "mtu": "sudo ip link set {interface} mtu {usual}, and in netplan or node_tuning_mtu",
    "sysctl": "sudo sysctl -w {name}='{usual}', or node_tuning_extra_sysctls: {{{name}: {usual}}}",
}
MOST_PACKAGES = 6


@dataclass(frozen=True)
class Difference:
    """A thing of which the hosts of a deployment have several values. values: value -> hosts."""

    deployment: str
    kind: str
    name: str
    values: Mapping[str, list[str]]

    @property
    def usual(self) -> str:
        """Return the value that most hosts have; of equally frequent ones, that of the first host."""
        return max(self.values, key=lambda value: len(self.values[value]))

    def rows(self) -> Iterable[tuple[str, str, str, str]]:
        """Yield the rows of a table: deployment, name, value, hosts."""
        for value, hosts in sorted(self.values.items(), key=lambda entry: -len(entry[1])):
            yield self.deployment, self.name, value, first_few(hosts)


def values_of(node: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Return (kind, name) -> value of a host, without what is unknown."""
    kernel, network = section(node, "kernel", {}), section(node, "network", {})
    gpus = [entry["name"] for entry in section(node, "gpu", {}).get("gpus", []) if entry.get("name")]
    libraries = nccl.loaded(section(node, "nccl", []))
    known: dict[tuple[str, str], Any] = {
        ("machine", "architecture"): kernel.get("machine"),
        ("gpu", "GPU"): ", ".join(dict.fromkeys(gpus)),
        ("driver", "NVIDIA driver"): section(node, "driver", {}).get("userspace"),
        ("nccl", "NCCL"): libraries[-1].get("version") if libraries else None,
        ("runtime", "SGLang"): _runtime(section(node, "runtimes", [])),
        ("kernel", "kernel"): kernel.get("release"),
        ("mtu", "MTU"): (network.get("cluster") or {}).get("mtu"),
    }
    known |= {
        ("sysctl", name): value for name, value in (kernel.get("sysctls") or {}).items() if name not in OWN_SYSCTLS
    }
    return {key: str(value) for key, value in known.items() if value}


def _runtime(runtimes: list[dict[str, Any]]) -> str | None:
    if not runtimes or not runtimes[0]["digest"]:
        return None
    return f"{runtimes[0]['sglang']} with packages {runtimes[0]['digest'][:12]}"


def differences(plan: Plan, nodes: Nodes, kinds: Iterable[str]) -> list[Difference]:
    """Return what differs between the hosts that serve a deployment."""
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


def findings(found: Iterable[Difference], nodes: Nodes) -> Iterable[tuple[str, Finding]]:
    """Yield (host, finding) for each host that differs from most hosts of its deployment."""
    for difference in found:
        for value, hosts in difference.values.items():
            for host in hosts if value != difference.usual else ():
                yield host, _finding(difference, value, nodes, host)


def _finding(difference: Difference, value: str, nodes: Nodes, host: str) -> Finding:
    usual, others = difference.usual, difference.values[difference.usual]
    interface = (section(nodes[host], "network", {}).get("cluster") or {}).get("interface")
    fix = FIXES[difference.kind].format(name=difference.name, usual=usual, interface=interface)
    here = f"{difference.name} {value}"
    if difference.kind == "runtime":
        here, usual = _packages(nodes[host], nodes[others[0]]) or (here, usual)
    severity = WARNING if difference.kind == "kernel" else ERROR
    area = AREAS.get(difference.kind, "settings")
    expected = f"{usual}, as on {first_few(others, 3)}"
    return Finding(area, f"same_{difference.kind}", here, expected, fix, severity=severity)


def _packages(node: dict[str, Any], other: dict[str, Any]) -> tuple[str, str] | None:
    """Return the packages in which two hosts differ, None where only their digests are known."""
    here, usual = (section(one, "runtimes", [])[0].get("packages") or {} for one in (node, other))
    names = sorted(name for name in {*here, *usual} if here.get(name) != usual.get(name))
    if not here or not usual or not names:
        return None
    found = first_few((f"{name} {here[name]}" if name in here else f"no {name}" for name in names), MOST_PACKAGES)
    wanted = first_few((f"{name} {usual[name]}" if name in usual else f"no {name}" for name in names), MOST_PACKAGES)
    return f"Python packages {found}", wanted
