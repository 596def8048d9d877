# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NCCL: which library counts, and which versions are refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.multinode.sglang.plugins.filter.nccl_findings import nccl_findings
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import nccl

from tests.checks.common import REPO

DENYLIST = yaml.safe_load((REPO / "roles/nccl/defaults/main.yml").read_text())["nccl_denylist"]


def library(
    version: str | None, origin: str = "runtime", processes: tuple[int, ...] = (), **more: Any
) -> dict[str, Any]:
    """Return a library as the module tells it."""
    return {
        "path": f"/{origin}/libnccl.so.2",
        "origin": origin,
        "version": version,
        "error": None,
        "processes": list(processes),
    } | more


def checks(libraries: list[dict[str, Any]] | None, machine: str = "x86_64") -> list[str]:
    """Return what was found with the role's own denylist."""
    return [
        finding.check
        for finding in nccl.findings({"nccl": libraries, "kernel": {"machine": machine}}, "2.28.3", DENYLIST)
    ]


@pytest.mark.parametrize(
    ("version", "machine", "expected"),
    [
        ("2.28.3", "x86_64", []),
        ("2.28.9", "x86_64", []),
        ("2.28.9", "aarch64", ["denied"]),
        ("2.29.2", "x86_64", ["denied"]),
        ("2.29.2", "aarch64", ["denied"]),
        ("2.29.3", "aarch64", []),
        ("2.27.3", "x86_64", ["old"]),
        ("2.27.3", "aarch64", ["old"]),
        (None, "x86_64", ["unreadable"]),
    ],
)
def test_versions(version: str | None, machine: str, expected: list[str]) -> None:
    assert checks([library(version)], machine) == expected


def test_what_counts_is_what_runs_and_what_the_next_server_loads() -> None:
    system, runtime, named = library("2.20.1", "system"), library("2.29.3"), library("2.29.7", "named")
    assert nccl.loaded([runtime, system]) == [runtime]
    assert nccl.loaded([runtime, named, system]) == [named]
    assert nccl.loaded([system]) == [system]
    running = library("2.27.3", "running", (1, 2))
    assert nccl.loaded([runtime, running, system]) == [running, runtime]
    assert nccl.loaded([library("2.29.3", "runtime", (1,))]) == [library("2.29.3", "runtime", (1,))]
    assert checks(None) == []


def test_the_sentence_has_the_reason_and_the_remedy() -> None:
    (finding,) = nccl_findings(
        {"nccl": [library("2.28.9")], "kernel": {"machine": "aarch64"}}, "n1", "2.28.3", DENYLIST
    )
    assert finding["text"].startswith(
        "n1: /runtime/libnccl.so.2 is NCCL 2.28.9 on aarch64: its proxy loses slots on ARM"
    )
    assert "but 2.29.3 is needed; give the runtime a newer one" in finding["text"]


def test_a_denylist_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="is no comparison of versions"):
        nccl_findings({"nccl": [library("2.28.9")]}, "n1", "2.28.3", [{"versions": "2.29", "reason": "-"}])
