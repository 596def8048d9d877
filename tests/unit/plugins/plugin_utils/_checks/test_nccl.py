# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NCCL: which library counts, and which versions are refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import nccl

from tests.checks.common import REPO
from tests.unit.plugins.plugin_utils._checks.hosts import WANTED_NCCL, library

DENYLIST = tuple(yaml.safe_load((REPO / "roles/nccl/defaults/main.yml").read_text())["nccl_denylist"])


def checks(libraries: list[dict[str, Any]] | None, machine: str = "x86_64") -> list[str]:
    """Return the checks that failed with the role's own denylist."""
    facts = {"nccl": libraries, "kernel": {"machine": machine}}
    return [finding.check for finding in nccl.findings(facts, nccl.Wanted("2.28.3", DENYLIST))]


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
    old, new = library("2.28.9", runtime="/opt/sglang/0.5.22"), library("2.20.5", runtime="/opt/sglang/0.5.23")
    assert nccl.loaded([old, new, system]) == [old, new]
    assert [finding.check for finding in nccl.findings({"nccl": [old, new]}, WANTED_NCCL)] == ["old"]
    assert nccl.loaded([library("2.29.3", "runtime", (1,))]) == [library("2.29.3", "runtime", (1,))]
    assert checks(None) == []


def test_a_denylist_that_makes_no_sense_is_refused() -> None:
    facts = {"nccl": [library("2.28.9")]}
    with pytest.raises(ValueError, match="is not a comparison of versions"):
        nccl.findings(facts, nccl.Wanted("2.28.3", ({"versions": "2.29", "reason": "-"},)))
