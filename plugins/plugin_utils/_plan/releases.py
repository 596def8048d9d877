# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What each host stores of the models: releases to copy, the ports of the copies, and the mounts of their sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Mount, Release, Rule

from .inventory import Host
from .models import Catalog, Model
from .ports import Claim
from .reach import copy_rule


def holders(catalog: Catalog, wanted: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return model -> the hosts with its releases, in the order of the plan. wanted: host -> names of its models."""
    found: dict[str, list[str]] = {name: [] for name, model in catalog.models.items() if model.copy}
    for host, names in wanted.items():
        for name in names:
            if name in found:
                found[name].append(host)
    return found


def releases(catalog: Catalog, models: Iterable[Model], host: Host) -> tuple[Release, ...]:
    """Return the releases on one host."""
    ports = catalog.copy_ports()
    return tuple(
        Release(
            name=model.name,
            store=catalog.store(model),
            source=model.source,
            expected=model.expected,
            release=model.release,
            keep=model.keep,
            address=host.address,
            port=ports[model.name],
            exact=model.exact,
        )
        for model in models
        if model.copy
    )


def mounts(models: Iterable[Model]) -> tuple[Mount, ...]:
    """Return the mounts that these models need, each once."""
    return tuple({model.mount.path: model.mount for model in models if model.mount and model.needs_mount}.values())


def claims(found: Iterable[Release]) -> list[Claim]:
    """Return the ports on which a host gives its models to others."""
    return [((one.port, one.port), f"model {one.name}", "copy") for one in found]


def copy_rules(found: Iterable[Release], held: Mapping[str, list[str]]) -> list[Rule]:
    """Return who may copy from a host: nobody where no other host has the model."""
    return [copy_rule(one.name, one.port) for one in found if len(held[one.name]) > 1]
