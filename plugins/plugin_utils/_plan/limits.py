# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Acting on a part of a plan: on some deployments, or on the hosts that --limit and serial leave."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .errors import PlanError, nearest


def parse_only(text: str, plan: Mapping[str, Any]) -> list[str]:
    """ "llama, deepseek" -> the deployments to act on; "" is all of them."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in plan["deployments"]:
            raise PlanError(f"sglang_plan_only: there is no deployment {name!r}{nearest(name, plan['deployments'])}")
    return names or list(plan["deployments"])


def select(plan: Mapping[str, Any], only: Collection[str]) -> dict[str, Any]:
    """Return the plan of some deployments; unit_names and router_names keep all, so that no other is taken for a leftover."""
    hosts = {
        name: {
            **entry,
            **{kind: [unit for unit in entry[kind] if unit["deployment"] in only] for kind in ("units", "routers")},
        }
        for name, entry in plan["hosts"].items()
    }
    return {
        **plan,
        "hosts": hosts,
        "deployments": {name: entry for name, entry in plan["deployments"].items() if name in only},
    }


def check_whole_instances(plan: Mapping[str, Any], present: Collection[str]) -> None:
    """Refuse to act on a part of the ranks of an instance: they start, stop and change together."""
    here, sentences = set(present), []
    for entry in plan["deployments"].values():
        for instance in entry["instances"]:
            hosts = [rank["host"] for rank in instance["ranks"]]
            missing = [host for host in hosts if host not in here]
            if missing and len(missing) < len(hosts):
                sentences.append(
                    f"instance {instance['instance']}: --limit or serial leaves out {', '.join(missing)} of its hosts "
                    f"{', '.join(hosts)}, whose ranks only work "
                    f"together; add {'it' if len(missing) == 1 else 'them'}, or leave out the whole instance"
                )
    if sentences:
        raise PlanError(*sentences)
