# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""NVIDIA's driver: new enough, of one version, with the fabric manager that NVSwitches need, and the same on all hosts of a deployment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .finding import Finding, is_older, section, short

INSTALL = "install"
REBOOT = "reboot"
INSTALLING = "deploy with nvidia_driver_install: true, or install it your own way"
RESTARTING = "restart the host (sudo systemctl reboot), or deploy with nvidia_driver_reboot: true"


@dataclass(frozen=True)
class Wanted:
    """The driver that a host shall have; what is empty or None is not asked for."""

    minimum: str
    branch: str = ""
    version: str = ""
    open_modules: bool | None = None
    fabric_manager: bool = True
    ibgda: bool = False


def concerns(node: dict[str, Any]) -> bool:
    """Tell whether a host has anything to do with NVIDIA; AMD's GPUs need no driver of NVIDIA's."""
    driver = section(node, "driver", {})
    return bool(section(node, "gpu", {}).get("gpus") or driver.get("kernel_module") or driver.get("userspace"))


def findings(node: dict[str, Any], wanted: Wanted) -> list[Finding]:
    """Return what is wrong with the driver of a host."""
    if not concerns(node):
        return []
    driver = section(node, "driver", {})
    return [*_version(driver, wanted), *_fabric(node, driver, wanted), *_ibgda(driver, wanted)]


def _version(driver: dict[str, Any], wanted: Wanted) -> list[Finding]:
    module, userspace = driver.get("kernel_module"), driver.get("userspace")
    target = wanted.version or f"{wanted.minimum} or later"
    if userspace is None:
        seen = f"the host has no libraries of NVIDIA's driver{f' beside its kernel module {module}' if module else ''}"
        return [Finding("absent", seen, f"driver {target}", INSTALLING, INSTALL)]
    found = _too_old(userspace, wanted) + _other_than_pinned(driver, userspace, wanted)
    if not found:
        found += _not_loaded(module, userspace, driver.get("installed_module"))
    return found


def _too_old(userspace: str, wanted: Wanted) -> list[Finding]:
    if not is_older(userspace, wanted.minimum):
        return []
    return [Finding("old", f"NVIDIA's driver is {userspace}", f"{wanted.minimum} or later", INSTALLING, INSTALL)]


def _other_than_pinned(driver: dict[str, Any], userspace: str, wanted: Wanted) -> list[Finding]:
    seen = f"NVIDIA's driver is {userspace}"
    if wanted.version and userspace != wanted.version:
        return [Finding("version", seen, f"{wanted.version} (nvidia_driver_version)", INSTALLING, INSTALL)]
    if wanted.branch and userspace.partition(".")[0] != wanted.branch:
        return [Finding("branch", seen, f"branch {wanted.branch} (nvidia_driver_branch)", INSTALLING, INSTALL)]
    is_open = driver.get("open")
    # A module that waits for a restart tells nothing about the one that is installed.
    if None not in (wanted.open_modules, is_open) and is_open != wanted.open_modules and driver.get("consistent"):
        kinds = {True: "the open", False: "NVIDIA's closed"}
        seen = f"the loaded module is of {kinds[bool(is_open)]} flavour"
        return [
            Finding(
                "flavour", seen, f"{kinds[bool(wanted.open_modules)]} one (nvidia_driver_open)", INSTALLING, INSTALL
            )
        ]
    return []


def _not_loaded(module: str | None, userspace: str, installed: str | None) -> list[Finding]:
    if module is None:
        seen = f"the driver {userspace} is installed, but none is loaded"
        return [
            Finding("unloaded", seen, "its kernel module", f"load it (sudo modprobe nvidia), or {RESTARTING}", REBOOT)
        ]
    if module == userspace and installed in (None, module):
        return []
    seen = f"the loaded kernel module is {module} and the libraries are {userspace}"
    if installed is not None and installed != userspace:
        seen += f", and the next start loads {installed}"
        remedy = f"install the module of {userspace} (sudo dkms autoinstall), then {RESTARTING}"
        return [Finding("mismatch", seen, "one version", remedy)]
    return [Finding("mismatch", seen, "one version", RESTARTING, REBOOT)]


def _fabric(node: dict[str, Any], driver: dict[str, Any], wanted: Wanted) -> list[Finding]:
    gpu = section(node, "gpu", {})
    switches = gpu.get("nvswitches") or 0
    if not switches or not wanted.fabric_manager:
        return []
    here, module = driver.get("fabric_manager_version"), driver.get("userspace")
    if module is None:
        return []
    if here != module:
        seen = f"the host has {switches} NVSwitches and {f'fabric manager {here}' if here else 'no fabric manager'}"
        remedy = f"deploy with nvidia_driver_install: true, or install it (sudo apt-get install 'nvidia-fabricmanager={module}*')"
        return [Finding("fabric_manager", seen, f"fabric manager {module}, exactly as the driver", remedy, INSTALL)]
    state = driver.get("services", {}).get("fabric_manager", {}).get("state")
    if driver.get("kernel_module") == module and state != "active":
        remedy = "start it (sudo systemctl enable --now nvidia-fabricmanager) and see its journal"
        return [
            Finding(
                "fabric_manager_stopped",
                f"nvidia-fabricmanager is {state or 'no service'}",
                "an active one",
                remedy,
                INSTALL,
            )
        ]
    return []


def _ibgda(driver: dict[str, Any], wanted: Wanted) -> list[Finding]:
    if not wanted.ibgda or driver.get("kernel_module") is None:
        return []
    names = {"NVreg_EnableStreamMemOPs=1": "stream_memops", "PeerMappingOverride=1": "peer_mapping_override"}
    missing = [name for name, key in names.items() if not driver.get(key)]
    if not missing:
        return []
    return [
        Finding(
            "ibgda", f"the loaded module runs without {' and '.join(missing)}", "that for IBGDA", RESTARTING, REBOOT
        )
    ]


def mix(nodes: Mapping[str, dict[str, Any]], instances: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Return a sentence for each deployment (name, hosts) whose hosts have different drivers; unknown hosts are left out."""
    sentences = []
    for name, hosts in instances:
        versions: dict[str, list[str]] = {}
        for host in dict.fromkeys(hosts):
            found = section(nodes.get(host) or {}, "driver", {}).get("userspace")
            if found:
                versions.setdefault(found, []).append(host)
        if len(versions) > 1:
            ordered = sorted(versions.items(), key=lambda entry: (-len(entry[1]), entry[0]))
            groups = "; ".join(f"{version} on {short(owners)}" for version, owners in ordered)
            sentences.append(
                f"{name}: its hosts have different drivers ({groups}), but one version is needed; "
                f"deploy with nvidia_driver_install: true and nvidia_driver_version: {ordered[0][0]}, or the version that you choose"
            )
    return sentences


def reboot_rounds(hosts: Iterable[str], instances: Iterable[Sequence[str]]) -> list[list[str]]:
    """Return the hosts in rounds, so that a round has at most one host of each instance.

    The first round is a single host: a driver that does not start harms only that one.
    """
    waiting = list(dict.fromkeys(hosts))
    together = [set(instance) for instance in instances]
    rounds: list[list[str]] = [waiting[:1]] if waiting else []
    for host in waiting[1:]:
        mates = set().union(*(instance for instance in together if host in instance)) - {host}
        place = next((entry for entry in rounds[1:] if not mates & set(entry)), None)
        if place is None:
            rounds.append(place := [])
        place.append(host)
    return rounds
