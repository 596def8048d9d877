# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What shapes a plan besides the deployments: as the user sets it, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .env import parse_env
from .errors import PlanError
from .intervals import LAST_PORT, Interval, merged, parse_intervals
from .models import Catalog, parse_models
from .programs import ROUTERS, Program
from .versions import Version, parse_version, spell


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of the module plan that are not deployments; each is explained there."""

    sglang_version: str
    router_package: str
    router_version: str = ""
    ephemeral_ports: str
    reserved_ports: str = ""
    env: Mapping[str, Any] = field(default_factory=dict)
    models: Any = field(default_factory=dict)
    models_root: str
    models_port: int
    models_release: str = ""


@dataclass(frozen=True)
class Site:
    """The settings, checked. router: the program that is the router, and its release as text and numbers."""

    sglang_version: str
    version: Version
    router: Program
    router_release: str
    router_version: Version
    ephemeral: Interval
    reserved: list[Interval]
    env: dict[str, str]
    catalog: Catalog


def check_settings(settings: Settings) -> Site:
    """Return the settings as types, or refuse them."""
    version = parse_version(settings.sglang_version, "sglang_version")
    ephemeral = parse_intervals(settings.ephemeral_ports, "sglang_plan_ephemeral_ports")
    if len(ephemeral) != 1 or ephemeral[0][1] > LAST_PORT:
        raise PlanError(
            f"sglang_plan_ephemeral_ports: {settings.ephemeral_ports!r} is not one range of ports; write its first "
            "and last port, as in 20000-29999"
        )
    if settings.router_package not in ROUTERS:
        raise PlanError(
            f"sglang_router_package: {settings.router_package!r} is not a router; choose {' or '.join(ROUTERS)}"
        )
    router = ROUTERS[settings.router_package]
    release = settings.router_version or spell(router.newest)
    return Site(
        settings.sglang_version,
        version,
        router,
        release,
        parse_version(release, router.variable, router.newest),
        ephemeral[0],
        _reserved(settings.reserved_ports),
        parse_env(settings.env, "sglang_env"),
        parse_models(settings.models, settings.models_root, settings.models_port, settings.models_release),
    )


def _reserved(text: str) -> list[Interval]:
    found = merged(parse_intervals(text, "sglang_plan_reserved_ports"))
    if found and found[-1][1] > LAST_PORT:
        raise PlanError(f"sglang_plan_reserved_ports: {found[-1][1]} is above {LAST_PORT}; write {LAST_PORT} or less")
    return found
