# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The one door to the checks: a host by itself, and the hosts of the plan together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import clocks, driver, host, names, nccl, peers, rdma, same
from .finding import Finding

Plan = Mapping[str, Any]
ByHost = dict[str, list[Finding]]


@dataclass(frozen=True)
class Settings:
    """What a host is checked for; None leaves a check out."""

    driver: driver.Wanted | None = None
    nccl: nccl.Wanted | None = None
    rdma: rdma.Wanted | None = None
    host: host.Wanted | None = None


def check_host(
    node: dict[str, Any], planned: Mapping[str, Any], ephemeral: str, settings: Settings, ours: int | None = None
) -> tuple[list[str], list[Finding]]:
    """Return which checks apply to a host, and what is wrong with it.

    planned: the host's entry in the plan. ephemeral: the plan's. ours: the process of this run's listeners.
    """
    applied: dict[str, list[Finding]] = {}
    if settings.host:
        applied["host"] = host.findings(node, planned, ephemeral, settings.host, ours)
    # Only hosts that serve need a driver, NCCL and RDMA.
    if planned["units"]:
        if settings.driver and driver.concerns(node):
            applied["driver"] = driver.findings(node, settings.driver)
        if settings.nccl:
            applied["nccl"] = nccl.findings(node, settings.nccl)
        if settings.rdma:
            applied["rdma"] = rdma.findings(node, planned, settings.rdma)
    return list(applied), [finding for found in applied.values() for finding in found]


def compare(
    plan: Plan, nodes: Mapping[str, dict[str, Any]], kinds: Iterable[str]
) -> tuple[list[same.Difference], ByHost]:
    """Return what differs between the hosts of a deployment, and the findings by host."""
    different = same.differences(plan, nodes, kinds)
    return different, by_host(same.findings(different, nodes))


def check_peers(
    plan: Plan, nodes: Mapping[str, dict[str, Any]], results: Mapping[str, Mapping[str, Any]], clock_seconds: float
) -> ByHost:
    """Return by host what is wrong between hosts. results: host -> result of peer_info."""
    return by_host(
        [*peers.findings(plan, results), *clocks.findings(nodes, results, clock_seconds), *names.findings(nodes)]
    )


def by_host(pairs: Iterable[tuple[str, Finding]]) -> ByHost:
    """Return host -> findings."""
    found: ByHost = {}
    for name, finding in pairs:
        found.setdefault(name, []).append(finding)
    return found
