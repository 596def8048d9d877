# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of the inventory that look like ours, but that nothing reads."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from pathlib import Path

import yaml

ROLES = Path(__file__).parents[3] / "roles"
# What the plan reads on each host; no role has it.
OF_HOSTS = frozenset(
    (
        "sglang_cluster_address", "sglang_cluster_interface", "sglang_gpus", "sglang_gpus_per_node", "sglang_host_env",
        "sglang_ib_device", "sglang_rank_order",
    )
)  # fmt: skip
# What roles register on hosts.
REGISTERED = frozenset(
    (
        "deploy_lock_result", "model_weights_copies", "model_weights_result", "model_weights_verified", "nccl_check",
        "node_facts_result", "node_firewall_result", "node_tuning_result", "nvidia_driver_check",
        "preflight_connections", "preflight_listeners", "preflight_result", "rdma_check", "sglang_plan_result",
        "sglang_runtime_result", "sglang_server_state",
    )
)  # fmt: skip
# How near a name must be to be meant, and how near where the name may be the user's own.
NEAR, VERY_NEAR = 0.6, 0.8


@functools.cache
def known(roles: Path = ROLES) -> frozenset[str]:
    """Return the variables that the specifications of the roles have, and those above."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = set(OF_HOSTS | REGISTERED)
    for path in roles.glob("*/meta/argument_specs.yml"):
        specification = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - both are safe loaders
        for entry in specification["argument_specs"].values():
            found |= set(entry["options"])
    return frozenset(found)


def unknown(names: Mapping[str, str], roles: Path = ROLES) -> list[str]:
    """Return a sentence for each variable with a name like ours that is none. names: variable -> a host that has it."""
    return [
        f"host {names[name]}: {name}: there is no such variable{hint}"
        for name in sorted(names)
        if (hint := _hint(name, roles)) is not None
    ]


def _hint(name: str, roles: Path) -> str | None:
    """Return the name that may be meant, as the end of a sentence; None for a variable of ours or of others."""
    first = name.partition("_")[0]
    candidates = [one for one in known(roles) if one.partition("_")[0] == first]
    if not candidates or name in candidates:
        return None
    prefixes = {"sglang_", *(f"{role.name}_" for role in roles.iterdir() if "_" in role.name)}
    ours = any(name.startswith(prefix) for prefix in prefixes)
    close = difflib.get_close_matches(name, candidates, n=1, cutoff=NEAR if ours else VERY_NEAR)
    if close:
        return f"; did you mean {close[0]}?"
    return "; correct the name, or give your own variables another prefix" if ours else None
