# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Put the plan together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import DeploymentPlan, Plan

from .deployment import plan_deployment
from .draft import Draft
from .errors import PlanError
from .intervals import text_of
from .inventory import Inventory
from .ports import MOONCAKE, WHY
from .programs import SGLANG
from .schema import Deployment, parse_deployments
from .settings import Settings, Site, check_settings
from .tables import unlisted


def build_plan(deployments: Any, inventory: Inventory, settings: Settings) -> Plan:
    """Return the plan, or raise PlanError with a sentence for each thing that cannot work."""
    site = check_settings(settings)
    parsed, refusals = parse_deployments(deployments, site.env, site.catalog)
    draft = Draft(site, inventory, [*unlisted(SGLANG, site.version, "sglang_version"), *_hints(parsed)])
    planned: dict[str, DeploymentPlan] = {}
    for deployment in parsed:
        try:
            planned[deployment.name] = plan_deployment(deployment, draft)
        except PlanError as error:
            refusals += error.sentences
    try:
        draft.place_models()
    except PlanError as error:
        refusals += error.sentences
    refusals += _same_names(planned) or draft.conflicts()
    if refusals:
        raise PlanError(*refusals)
    return _plan(planned, draft, settings, site)


def _hints(deployments: Iterable[Deployment]) -> list[str]:
    return [f"{one.where}.model: {one.model!r} is not in sglang_models{one.hint}" for one in deployments if one.hint]


def _plan(planned: dict[str, DeploymentPlan], draft: Draft, settings: Settings, site: Site) -> Plan:
    ephemeral = text_of(site.ephemeral)
    return Plan(
        sglang_version=settings.sglang_version,
        router_package=settings.router_package,
        router_version=site.router_release,
        models_root=site.catalog.root,
        ephemeral_ports=ephemeral,
        dynamic_ports={"ephemeral": ephemeral, "mooncake": text_of(MOONCAKE)},
        port_reasons=dict(WHY),
        warnings=tuple(draft.warnings),
        peers=draft.peers,
        deployments=planned,
        hosts=draft.host_plans(),
    )


def _same_names(planned: Mapping[str, DeploymentPlan]) -> list[str]:
    """Find units of two deployments with one name."""
    owners: dict[str, str] = {}
    found = []
    for name, entry in planned.items():
        names = [*(one.name for one in entry.instances), *(one.name for one in entry.routers)]
        for unit in dict.fromkeys(names):
            other = owners.setdefault(unit, name)
            if other != name:
                found.append(
                    f"deployments.{name}: its unit {unit} has the same name as one of deployments.{other}; "
                    "rename one of them"
                )
    return found
