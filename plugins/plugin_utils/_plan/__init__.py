# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The plan: one pure function from the inventory and sglang_deployments to everything that hosts must agree on."""

from __future__ import annotations

from .agreement import settled
from .build import build_plan
from .errors import PlanError
from .inventory import Inventory
from .limits import check_removed, check_whole_instances, parse_only, select
from .settings import Settings
from .variables import HostVariables

__all__ = [
    "HostVariables",
    "Inventory",
    "PlanError",
    "Settings",
    "build_plan",
    "check_removed",
    "check_whole_instances",
    "parse_only",
    "select",
    "settled",
]
