# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""NCCL: the library that a server loads is new enough, and none that is known to hang."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .finding import Finding, is_older, matches, section

ORDER = ("named", "runtime", "system")
UPDATING = (
    "give the runtime a newer one (sglang_runtime_extra_packages: [nvidia-nccl-cu13>=VERSION] in a new sglang_runtime_root), or install it "
    "with nccl_install: true and point SGLANG_NCCL_SO_PATH at it"
)


def loaded(libraries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what servers run with, and what the next one will load: a named library, else that of the runtime, else the system's."""
    every = list(libraries)
    running = [entry for entry in every if entry.get("processes")]
    first = next((entry for origin in ORDER for entry in every if entry.get("origin") == origin), None)
    return [*running, *([first] if first is not None and first not in running else [])]


def findings(node: dict[str, Any], minimum: str, denylist: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Return what is wrong with the NCCL that counts on a host."""
    machine = section(node, "kernel", {}).get("machine", "")
    found = []
    for entry in loaded(section(node, "nccl", [])):
        found += _judge(entry, minimum, list(denylist), machine)
    return found


def _judge(entry: Mapping[str, Any], minimum: str, denylist: list[Mapping[str, Any]], machine: str) -> list[Finding]:
    path, version = entry["path"], entry.get("version")
    if version is None:
        seen = f"{path} does not load ({entry.get('error')})"
        return [Finding("unreadable", seen, f"NCCL {minimum} or later", "install the runtime again")]
    seen = f"{path} is NCCL {version}"
    if entry.get("processes"):
        seen += f" and runs in {len(entry['processes'])} processes"
    denied = next((rule for rule in denylist if _is_denied(rule, version, machine)), None)
    if is_older(version, minimum):
        return [Finding("old", seen, f"{minimum} or later", UPDATING.replace("VERSION", minimum))]
    if denied is None:
        return []
    better = denied.get("use") or f"another than {denied['versions']}"
    remedy = UPDATING.replace("VERSION", better) if denied.get("use") else "choose another version"
    return [Finding("denied", f"{seen} on {machine}: {denied['reason']}", better, remedy)]


def _is_denied(rule: Mapping[str, Any], version: str, machine: str) -> bool:
    machines = rule.get("machines") or []
    return (not machines or machine in machines) and matches(version, str(rule["versions"]))
