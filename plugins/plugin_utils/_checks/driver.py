# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""NVIDIA's driver: new enough, one version in kernel and libraries, and the fabric manager that NVSwitches need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .finding import INSTALL, REBOOT, USER, Finding, is_older, plural, section

INSTALLING = "deploy with nvidia_driver_install: true, or install the driver by other means"
RESTARTING = "restart the host (sudo systemctl reboot), or deploy with nvidia_driver_reboot: true"
FLAVOURS = {True: "open", False: "proprietary"}
IBGDA = {"NVreg_EnableStreamMemOPs=1": "stream_memops", "PeerMappingOverride=1": "peer_mapping_override"}


@dataclass(frozen=True)
class Wanted:
    """The driver that a host must have; settings that are empty or None are not checked."""

    minimum: str
    branch: str = ""
    version: str = ""
    open_modules: bool | None = None
    ibgda: bool = False


def concerns(node: dict[str, Any]) -> bool:
    """Return whether a host has an NVIDIA GPU or driver; AMD GPUs need no driver of NVIDIA's."""
    driver = section(node, "driver", {})
    return bool(section(node, "gpu", {}).get("gpus") or driver.get("kernel_module") or driver.get("userspace"))


def findings(node: dict[str, Any], wanted: Wanted) -> list[Finding]:
    """Return what is wrong with the driver of a host."""
    driver = section(node, "driver", {})
    # A command that did not answer says nothing about the driver, so nothing is to be installed.
    if not driver:
        fix = "try nvidia-smi, nv-fabricmanager --version, systemctl show there; for more time set node_facts_timeout"
        return [_finding("unread", "the state of the NVIDIA driver is unknown", "", fix, USER)]
    return [*_version(driver, wanted), *_fabric_manager(node, driver), *_ibgda(driver, wanted)]


def _finding(check: str, found: str, expected: str, fix: str, fixed_by: str = INSTALL) -> Finding:
    return Finding("driver", check, found, expected, fix, fixed_by)


def _version(driver: dict[str, Any], wanted: Wanted) -> list[Finding]:
    module, libraries = driver.get("kernel_module"), driver.get("userspace")
    if libraries is None:
        found = f"kernel module {module} without NVIDIA driver libraries" if module else "no NVIDIA driver"
        return [_finding("absent", found, f"driver {wanted.version or f'{wanted.minimum} or later'}", INSTALLING)]
    other = _too_old(libraries, wanted) + _other_than_pinned(driver, libraries, wanted)
    return other or _not_loaded(module, libraries, driver.get("installed_module"))


def _too_old(libraries: str, wanted: Wanted) -> list[Finding]:
    if not is_older(libraries, wanted.minimum):
        return []
    return [_finding("old", f"NVIDIA driver {libraries}", f"{wanted.minimum} or later", INSTALLING)]


def _other_than_pinned(driver: dict[str, Any], libraries: str, wanted: Wanted) -> list[Finding]:
    found = f"NVIDIA driver {libraries}"
    if wanted.version and libraries != wanted.version:
        return [_finding("version", found, f"{wanted.version}, see nvidia_driver_version", INSTALLING)]
    if wanted.branch and libraries.partition(".")[0] != wanted.branch:
        return [_finding("branch", found, f"branch {wanted.branch}, see nvidia_driver_branch", INSTALLING)]
    is_open = driver.get("open")
    # While a restart is pending, the loaded module says nothing about the installed one.
    if None not in (wanted.open_modules, is_open) and is_open != wanted.open_modules and driver.get("consistent"):
        found = f"the {FLAVOURS[bool(is_open)]} kernel module is loaded"
        expected = f"the {FLAVOURS[bool(wanted.open_modules)]} one, see nvidia_driver_open"
        return [_finding("flavour", found, expected, INSTALLING)]
    return []


def _not_loaded(module: str | None, libraries: str, installed: str | None) -> list[Finding]:
    if module is None:
        fix = f"load it (sudo modprobe nvidia), or {RESTARTING}"
        found = "NVIDIA's kernel module is not loaded"
        return [_finding("unloaded", found, f"{libraries}, the installed driver", fix, REBOOT)]
    if module == libraries and installed in (None, module):
        return []
    found = f"kernel module {module} is loaded and the libraries are {libraries}"
    if installed is not None and installed != libraries:
        found += f", and the next boot loads {installed}"
        fix = f"install the kernel module {libraries} (sudo dkms autoinstall), then {RESTARTING}"
        return [_finding("mismatch", found, "one version", fix, USER)]
    return [_finding("mismatch", found, "one version", RESTARTING, REBOOT)]


def _fabric_manager(node: dict[str, Any], driver: dict[str, Any]) -> list[Finding]:
    switches = section(node, "gpu", {}).get("nvswitches") or 0
    version, present = driver.get("userspace"), driver.get("fabric_manager_version")
    if not switches or version is None:
        return []
    if present != version:
        count = f"{switches} {plural(switches, 'NVSwitch', 'NVSwitches')}"
        found = f"{count} and {f'fabric manager {present}' if present else 'no fabric manager'}"
        package = f"sudo apt-get install 'nvidia-fabricmanager={version}*'"
        fix = f"deploy with nvidia_driver_install: true, or install it ({package})"
        return [_finding("fabric_manager", found, f"fabric manager {version}, the version of the driver", fix)]
    state = driver.get("services", {}).get("fabric_manager", {}).get("state")
    if driver.get("kernel_module") == version and state != "active":
        found = f"service nvidia-fabricmanager is {state or 'missing'}"
        start, journal = "sudo systemctl enable --now nvidia-fabricmanager", "sudo journalctl -u nvidia-fabricmanager"
        return [_finding("fabric_manager_stopped", found, "active", f"start it ({start}), and see {journal}")]
    return []


def _ibgda(driver: dict[str, Any], wanted: Wanted) -> list[Finding]:
    if not wanted.ibgda or driver.get("kernel_module") is None:
        return []
    missing = [name for name, key in IBGDA.items() if not driver.get(key)]
    if not missing:
        return []
    found = f"NVIDIA's kernel module was loaded without {' and '.join(missing)}"
    expected = f"{plural(len(missing), 'this parameter', 'these parameters')}, see nvidia_driver_ibgda"
    return [_finding("ibgda", found, expected, RESTARTING, REBOOT)]


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
