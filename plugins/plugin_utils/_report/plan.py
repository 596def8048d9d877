# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The plan as a person reads it."""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import join, parse
from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few
from ansible_collections.multinode.sglang.plugins.module_utils._plan import words
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import to_dict
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import (
    DeploymentPlan,
    Plan,
    Release,
    RouterUnit,
    ServerUnit,
)
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.env import SECRET

from .table import table

MASK = "********"
COLUMNS = ("INSTANCE", "RANK", "HOST", "ADDRESS", "GPUS", "API", "RENDEZVOUS", "OTHER PORTS")
MODEL_COLUMNS = ("MODEL", "SOURCE", "STORE", "RELEASE", "PORT", "HOSTS")


def render_text(plan: Plan) -> str:
    """Return a table for each deployment, the command of every rank, the models, and the reason of every port."""
    units: dict[str, list[ServerUnit]] = defaultdict(list)
    routers: dict[str, list[RouterUnit]] = defaultdict(list)
    for host in plan.hosts.values():
        for unit in host.units:
            units[unit.deployment].append(unit)
        for router in host.routers:
            routers[router.deployment].append(router)
    lines: list[str] = []
    for name, entry in plan.deployments.items():
        order = {instance.instance: number for number, instance in enumerate(entry.instances)}
        ranked = sorted(units[name], key=lambda unit: (order[unit.instance], unit.rank))
        release = ranked[0].sglang_version if ranked else plan.sglang_version
        lines += _deployment(name, entry, ranked, routers[name], release)
    opened = _opened(plan)
    lines += [*_models(plan), "PORTS"]
    lines += [f"  {name}: {why}" for name, why in plan.port_reasons.items() if name in opened]
    lines.append(
        f"  ephemeral: {plan.ephemeral_ports} is where the kernel puts gloo, NCCL and ZMQ; "
        "open between the ranks of an instance only"
    )
    lines += [f"WARNING  {warning}" for warning in plan.warnings]
    return "\n".join(lines)


def _opened(plan: Plan) -> set[str]:
    """Return the names of the ports that any host of this plan opens."""
    hosts = plan.hosts.values()
    servers = {name for host in hosts for unit in host.units for name in unit.ports}
    routers = {name for host in hosts for router in host.routers for name in router.ports}
    return servers | routers | ({"copy"} if any(host.releases for host in hosts) else set())


def _deployment(
    name: str, entry: DeploymentPlan, units: Sequence[ServerUnit], routers: Sequence[RouterUnit], version: str
) -> list[str]:
    count = len(entry.instances)
    instances = f"{count} instance{'' if count == 1 else 's'}"
    return [
        f"DEPLOYMENT {name}: {entry.model} on SGLang {version}, {instances}",
        *(f"  {line}" for line in table(COLUMNS, map(_row, units))),
        *(f"  router on {one.host}: {words.url(one)}, Prometheus {one.ports['prometheus']}" for one in routers),
        "",
        "  COMMANDS",
        *(f"  {unit.instance} rank {unit.rank} on {unit.host}: {command(unit)}" for unit in units),
        *(f"  router on {one.host}: {shlex.join(['python', *words.router_argv(one)])}" for one in routers),
        "",
    ]


def _row(unit: ServerUnit) -> tuple[object, ...]:
    others = [span for name, text in unit.ports.items() if name not in ("api", "dist_init") for span in parse(text)]
    return (
        unit.instance,
        f"{unit.rank}/{unit.nnodes}",
        unit.host,
        unit.address,
        join((gpu, gpu) for gpu in unit.gpus) or ",".join(unit.gpu_uuids),
        unit.api_port,
        f"{unit.ranks[0].address} {unit.ports['dist_init']}",
        join(others),
    )


def command(unit: ServerUnit) -> str:
    """Return the environment and command of a rank as one could type them."""
    environment = [f"{name}={shlex.quote(value)}" for name, value in masked(unit.environment).items()]
    return " ".join([*environment, "python", *(shlex.quote(word) for word in words.server_argv(unit))])


def masked(environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables without the values of those that are secrets by their name."""
    return {name: MASK if SECRET.search(name) else value for name, value in environment.items()}


def render_json(plan: Plan) -> str:
    """Return the plan as JSON, with the command of each unit and without secrets."""
    plain = with_commands(plan)
    for host in plain["hosts"].values():
        for unit in host["units"]:
            unit["environment"] = masked(unit["environment"])
    return json.dumps(plain, indent=2)


def with_commands(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain data, each unit with its arguments, which readers want and playbooks do not need."""
    plain = to_dict(plan)
    for name, host in plain["hosts"].items():
        typed = plan.hosts[name]
        for facts, server in zip(host["units"], typed.units, strict=True):
            facts["argv"] = words.server_argv(server)
        for facts, router in zip(host["routers"], typed.routers, strict=True):
            facts["argv"] = words.router_argv(router)
    return plain


def _models(plan: Plan) -> list[str]:
    held: dict[str, list[str]] = defaultdict(list)
    releases: dict[str, Release] = {}
    for host, entry in plan.hosts.items():
        for release in entry.releases:
            held[release.name].append(host)
            releases[release.name] = release
    rows = [
        (name, one.source, one.store, one.release or one.expected or "of the source", one.port, first_few(held[name]))
        for name, one in releases.items()
    ]
    return ["MODELS", *(f"  {line}" for line in table(MODEL_COLUMNS, rows)), ""] if rows else []
