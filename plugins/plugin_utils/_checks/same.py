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
    "kernel": "boot the same kernel (upgrade the packages of this host, then restart it)",
    "mtu": "sudo ip link set {interface} mtu {usual}, and in netplan or node_tuning_mtu",
    "sysctl": "sudo sysctl -w {name}='{usual}', or node_tuning_extra_sysctls: {{{name}: {usual}}}",
}
PYTHON = 'set sglang_runtime_python to one version, such as "3.12", remove {path} on this host, and deploy again'
MOST_PACKAGES = 6


@dataclass(frozen=True)
class Difference:
    """A thing of which the hosts of a deployment have several values. values: value -> hosts. release: of SGLang."""

    deployment: str
    kind: str
    name: str
    values: Mapping[str, list[str]]
    release: str

    @property
    def usual(self) -> str:
        """Return the value that most hosts have; of equally frequent ones, that of the first host."""
        return max(self.values, key=lambda value: len(self.values[value]))

    def rows(self) -> Iterable[tuple[str, str, str, str]]:
        """Yield the rows of a table: deployment, name, value, hosts."""
        for value, hosts in sorted(self.values.items(), key=lambda entry: -len(entry[1])):
            yield self.deployment, self.name, value, first_few(hosts)


def values_of(node: dict[str, Any], release: str) -> dict[tuple[str, str], str]:
    """Return (kind, name) -> value of a host for units that run a release of SGLang, without what is unknown."""
    kernel, network = section(node, "kernel", {}), section(node, "network", {})
    gpus = [entry["name"] for entry in section(node, "gpu", {}).get("gpus", []) if entry.get("name")]
    runtime = runtime_of(node, release)
    known: dict[tuple[str, str], Any] = {
        ("machine", "architecture"): kernel.get("machine"),
        ("gpu", "GPU"): ", ".join(dict.fromkeys(gpus)),
        ("driver", "NVIDIA driver"): section(node, "driver", {}).get("userspace"),
        ("nccl", "NCCL"): nccl.version_in(section(node, "nccl", []), runtime.get("path")),
        ("runtime", "SGLang"): f"{release} with packages {runtime['digest'][:12]}" if runtime else None,
        ("kernel", "kernel"): kernel.get("release"),
        ("mtu", "MTU"): (network.get("cluster") or {}).get("mtu"),
    }
    known |= {
        ("sysctl", name): value for name, value in (kernel.get("sysctls") or {}).items() if name not in OWN_SYSCTLS
    }
    return {key: str(value) for key, value in known.items() if value}


def runtime_of(node: dict[str, Any], release: str) -> dict[str, Any]:
    """Return the environment of a release on a host, empty where there is none."""
    runtimes = section(node, "runtimes", [])
    return next((one for one in runtimes if one["digest"] and one["sglang"] == release), {})


def releases_of(plan: Plan) -> dict[str, str]:
    """Return deployment -> the release of SGLang that its units run."""
    return {
        unit["deployment"]: unit["sglang_version"] for planned in plan["hosts"].values() for unit in planned["units"]
    }


def differences(plan: Plan, nodes: Nodes, kinds: Iterable[str]) -> list[Difference]:
    """Return what differs between the hosts that serve a deployment."""
    wanted, releases = set(kinds), releases_of(plan)
    seen = {
        release: {host: values_of(node, release) for host, node in nodes.items()} for release in set(releases.values())
    }
    found = []
    for deployment, entry in plan["deployments"].items():
        hosts = dict.fromkeys(rank["host"] for instance in entry["instances"] for rank in instance["ranks"])
        grouped: dict[tuple[str, str], dict[str, list[str]]] = {}
        release = releases.get(deployment, "")
        for host in hosts:
            for key, value in seen.get(release, {}).get(host, {}).items():
                grouped.setdefault(key, {}).setdefault(value, []).append(host)
        found += [
            Difference(deployment, *key, values, release)
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
        own, other = (runtime_of(nodes[name], difference.release) for name in (host, others[0]))
        pythons = [(one.get("packages") or {}).get("python") for one in (own, other)]
        here, usual = _packages(own, other) or (here, usual)
        if all(pythons) and pythons[0] != pythons[1]:
            fix = PYTHON.format(path=own.get("path"))
    severity = WARNING if difference.kind == "kernel" else ERROR
    area = AREAS.get(difference.kind, "settings")
    expected = f"{usual}, as on {first_few(others, 3)}"
    return Finding(area, f"same_{difference.kind}", here, expected, fix, severity=severity)


def _packages(own: dict[str, Any], other: dict[str, Any]) -> tuple[str, str] | None:
    """Return the packages in which two environments differ, None where only their digests are known."""
    here, usual = own.get("packages") or {}, other.get("packages") or {}
    names = sorted(name for name in {*here, *usual} if here.get(name) != usual.get(name))
    if not here or not usual or not names:
        return None
    found = first_few((f"{name} {here[name]}" if name in here else f"no {name}" for name in names), MOST_PACKAGES)
    wanted = first_few((f"{name} {usual[name]}" if name in usual else f"no {name}" for name in names), MOST_PACKAGES)
    return f"Python packages {found}", wanted
