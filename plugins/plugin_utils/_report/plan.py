# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The plan as a person reads it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._plan.intervals import Interval, join, parse_intervals

COLUMNS = ("INSTANCE", "RANK", "HOST", "ADDRESS", "GPUS", "API", "RENDEZVOUS", "OTHER PORTS")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lay out rows under column titles, two spaces apart; returns lines without trailing blanks."""
    cells = [tuple(columns), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def render_text(plan: Mapping[str, Any]) -> str:
    """Return a table for each deployment, the command of every rank, and the reason of every port."""
    units: dict[str, list[Mapping[str, Any]]] = {name: [] for name in plan["deployments"]}
    for host in plan["hosts"].values():
        for unit in host["units"]:
            units[unit["deployment"]].append(unit)
    lines: list[str] = []
    for name, entry in plan["deployments"].items():
        order = {instance["instance"]: number for number, instance in enumerate(entry["instances"])}
        ranked = sorted(units[name], key=lambda unit: (order[unit["instance"]], unit["rank"]))
        routers = [
            router for host in plan["hosts"].values() for router in host["routers"] if router["deployment"] == name
        ]
        lines += _deployment(name, entry, ranked, routers, plan["sglang_version"])
    lines += ["PORTS", *(f"  {name}: {why}" for name, why in plan["port_reasons"].items())]
    lines += [
        f"  ephemeral: {plan['ephemeral_ports']} is where the kernel puts gloo, NCCL and ZMQ; open between the ranks of an instance only"
    ]
    lines += [f"WARNING  {warning}" for warning in plan["warnings"]]
    return "\n".join(lines)


def _deployment(
    name: str,
    entry: Mapping[str, Any],
    units: Sequence[Mapping[str, Any]],
    routers: Sequence[Mapping[str, Any]],
    version: str,
) -> list[str]:
    lines = [f"DEPLOYMENT {name}: {entry['model']} on SGLang {version}, {len(entry['instances'])} instances"]
    lines += [f"  {line}" for line in table(COLUMNS, (_row(unit) for unit in units))]
    lines += [
        f"  router on {router['host']}: {router['url']}, Prometheus {router['ports']['prometheus']}"
        for router in routers
    ]
    lines += ["", "  COMMANDS"]
    lines += [f"  {unit['instance']} rank {unit['rank']} on {unit['host']}: {command(unit)}" for unit in units]
    lines += [f"  router on {router['host']}: {shlex.join(['python', *router['argv']])}" for router in routers]
    return [*lines, ""]


def _row(unit: Mapping[str, Any]) -> tuple[object, ...]:
    rendezvous = f"{unit['ranks'][0]['address']} {unit['ports']['dist_init']}"
    others: list[Interval] = [
        span
        for port, text in unit["ports"].items()
        if port not in ("api", "dist_init")
        for span in parse_intervals(text, port)
    ]
    gpus = [(gpu, gpu) for gpu in unit["gpus"]]
    return (
        unit["instance"],
        f"{unit['rank']}/{unit['nnodes']}",
        unit["host"],
        unit["address"],
        join(gpus),
        unit["api_port"],
        rendezvous,
        join(others),
    )


def command(unit: Mapping[str, Any]) -> str:
    """Return the environment and command of a rank as one could type them."""
    environment = [f"{name}={shlex.quote(value)}" for name, value in unit["environment"].items()]
    return " ".join([*environment, "python", *(shlex.quote(word) for word in unit["argv"])])
