# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""NCCL: the library that a server loads is new enough, and is not a version that is known to hang."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .finding import Finding, is_older, matches, plural, section

ORDER = ("named", "runtime", "system")
UPDATING = (
    "install a newer one in the runtime (sglang_runtime_extra_packages: [nvidia-nccl-cu13>=VERSION] and a new "
    "sglang_runtime_root), or on the host (nccl_install: true), with SGLANG_NCCL_SO_PATH set to it"
)


@dataclass(frozen=True)
class Wanted:
    """The NCCL that servers must load. denylist: rules with versions, machines, reason and use."""

    minimum: str
    denylist: tuple[Mapping[str, Any], ...] = ()


def loaded(libraries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what servers have loaded, and what the next ones load: a named library, the runtimes' or the system's."""
    every = list(libraries)
    running = [entry for entry in every if entry.get("processes")]
    origin = next((name for name in ORDER if any(entry.get("origin") == name for entry in every)), None)
    following: dict[Any, Mapping[str, Any]] = {}
    for entry in every:
        if entry.get("origin") == origin:
            # Each release of SGLang brings its own.
            following.setdefault(entry.get("runtime") if origin == "runtime" else None, entry)
    return [*running, *(entry for entry in following.values() if entry not in running)]


def version_in(libraries: Iterable[Mapping[str, Any]], runtime: str | None) -> str | None:
    """Return the version that the next server of a runtime loads, None where it is unknown."""
    following = loaded(libraries)
    own = [entry for entry in following if runtime is not None and entry.get("runtime") == runtime]
    found = [*following[-1:], *own]
    return found[-1].get("version") if found else None


def findings(node: dict[str, Any], wanted: Wanted) -> list[Finding]:
    """Return what is wrong with the NCCL of a host."""
    machine = section(node, "kernel", {}).get("machine", "")
    return [
        finding for entry in loaded(section(node, "nccl", [])) for finding in _check_library(entry, wanted, machine)
    ]


def _check_library(entry: Mapping[str, Any], wanted: Wanted, machine: str) -> list[Finding]:
    path, version = entry["path"], entry.get("version")
    if version is None:
        found = f"{path} cannot be loaded: {entry.get('error')}"
        fix = "remove the runtime's directory and deploy again, or reinstall the package of this library"
        return [Finding("nccl", "unreadable", found, f"NCCL {wanted.minimum} or later", fix)]
    users = len(entry.get("processes") or [])
    found = f"{path} is NCCL {version}"
    if is_older(version, wanted.minimum):
        found += f", loaded by {users} {plural(users, 'process', 'processes')}" if users else ""
        fix = UPDATING.replace("VERSION", wanted.minimum)
        return [Finding("nccl", "old", found, f"{wanted.minimum} or later", fix)]
    denied = next((rule for rule in wanted.denylist if _is_denied(rule, version, machine)), None)
    if denied is None:
        return []
    better = denied.get("use")
    expected = better or f"a version other than {denied['versions']}"
    fix = UPDATING.replace("VERSION", better) if better else "choose another version"
    return [Finding("nccl", "denied", f"{found} on {machine}: {denied['reason']}", expected, fix)]


def _is_denied(rule: Mapping[str, Any], version: str, machine: str) -> bool:
    machines = rule.get("machines") or []
    return (not machines or machine in machines) and matches(version, str(rule["versions"]))
