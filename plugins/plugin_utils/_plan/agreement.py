# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The settings that are one for the whole plan, read on every host that it has.

They may be written anywhere in the inventory. If those of one group were taken for all, --limit would change the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

from .env import SECRET
from .errors import PlanError, nearest, shown
from .inventory import Inventory
from .keys import ALL
from .schema import parse_hosts
from .settings import Settings

DEPLOYMENTS, MODELS = "deployments", "models"
OPTIONS = (DEPLOYMENTS, *(field.name for field in fields(Settings)))
# What to do where only some hosts are meant. Option -> words.
_FOR_SOME = {
    DEPLOYMENTS: "; for two clusters, use two inventories",
    "sglang_version": "; for one deployment, write sglang_version there",
    "env": "; for one deployment, write env there, and for one host sglang_host_env",
}
_ABSENT: Any = object()
# A value and the hosts that have it. Values may be mappings, which no dict takes as keys.
Views = list[tuple[Any, list[str]]]


def settled(given: Mapping[str, Any], names: Mapping[str, str], inventory: Inventory) -> tuple[Any, Settings]:
    """Return the deployments and the settings.

    names: option -> the variable that all hosts of the plan must have alike; other options are taken as given. What is
    served where comes first, because only then is it known which hosts the plan has.
    """
    for option in names:
        if option not in OPTIONS:
            fix = nearest(option, OPTIONS) or f"; choose from {', '.join(OPTIONS)}"
            raise PlanError(f"variables.{option}: it is not read from hosts{fix}")
    found = {option: given[option] for option in OPTIONS}
    if DEPLOYMENTS in names:
        found[DEPLOYMENTS] = _deployments(names[DEPLOYMENTS], inventory)
    if found[DEPLOYMENTS] is None:
        raise _not_set(names.get(DEPLOYMENTS, DEPLOYMENTS))
    # Deployments that name no host are refused later, whatever the settings are.
    hosts = dict.fromkeys(_serving(found[DEPLOYMENTS], inventory) or inventory.groups["all"][:1])
    refusals: list[str] = []
    # Models first, because they may name more hosts.
    for option in sorted(names.keys() - {DEPLOYMENTS}, key=lambda one: (one != MODELS, OPTIONS.index(one))):
        views, failed = _views(names[option], hosts, inventory)
        refusals += [sentence for error in failed.values() for sentence in error.sentences][:1]
        refusals += _differences(option, names[option], views)
        if views and views[0][0] is not _ABSENT:
            found[option] = views[0][0]
        if option == MODELS:
            hosts |= dict.fromkeys(_named(found[MODELS], _mapping(found[MODELS]), inventory))
    if refusals:
        raise PlanError(*refusals)
    return found[DEPLOYMENTS], _settings(found, names)


def _settings(found: Mapping[str, Any], names: Mapping[str, str]) -> Settings:
    """Return typed settings. One that is empty in the inventory has its default."""
    return Settings(**dict(_typed_values(found, names)))


def _typed_values(found: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for field in fields(Settings):
        where, value = names.get(field.name, field.name), found[field.name]
        if value is not None:
            yield field.name, _typed(str(field.type), value, where)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise _not_set(where)


def _not_set(where: str) -> PlanError:
    return PlanError(f"{where}: it is not set; set it in group_vars/all of the inventory")


def _typed(kind: str, value: Any, where: str) -> Any:
    """Return a value of a kind; -e and templates make text of numbers, YAML the reverse."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if kind == "str" and not isinstance(value, str):
        if not is_number:
            raise PlanError(f"{where}: {shown(value)} is not a string; write it in quotes")
        return str(value)
    if kind == "int" and not is_number:
        if not (isinstance(value, str) and value.isascii() and value.isdecimal()):
            raise PlanError(f"{where}: {shown(value)} is not a whole number; write a number")
        return int(value)
    return value


def _deployments(name: str, inventory: Inventory) -> Any:
    """Return what all hosts have that have some. Those outside the plan may lack what a template needs."""
    having = [host for host in inventory.groups.get("all", ()) if name in inventory.variables(host)]
    views, failed = _views(name, having, inventory)
    if different := _differences(DEPLOYMENTS, name, views):
        raise PlanError(*different)
    deployments = views[0][0] if views else None
    serving = set(_serving(deployments, inventory))
    for host, error in failed.items():
        if host in serving or not views:
            raise error
    return deployments


def _views(name: str, hosts: Iterable[str], inventory: Inventory) -> tuple[Views, dict[str, PlanError]]:
    """Return what hosts have, and the hosts on which a template fails."""
    views: Views = []
    failed = {}
    for host in hosts:
        try:
            value = inventory.variables(host).get(name, _ABSENT)
        except PlanError as error:
            failed[host] = error
            continue
        for known, those in views:
            if value is known or value == known:
                those.append(host)
                break
        else:
            views.append((value, [host]))
    return views, failed


def _differences(option: str, name: str, views: Views) -> list[str]:
    """Return the refusal where hosts differ, with as much of the value as differs and without secrets."""
    if len(views) < 2:
        return []
    path, keys = name, _different(views)
    while len(keys) == 1:
        path = f"{path}.{keys[0]}"
        views = [(value.get(keys[0], _ABSENT), hosts) for value, hosts in views]
        keys = _different(views)
    said = ", ".join(f"{_text(path, value, keys)} on {first_few(hosts)}" for value, hosts in views)
    return [
        f"{path}: hosts of the plan differ ({said}); the plan is one for all, so set {name} once, in group_vars/all"
        f"{_FOR_SOME.get(option, '')}"
    ]


def _different(views: Views) -> list[Any]:
    """Return the keys in which mappings differ."""
    values = [value for value, _hosts in views]
    if not all(isinstance(value, Mapping) for value in values):
        return []
    every = dict.fromkeys(key for value in values for key in value)
    first = values[0]
    return [key for key in every if any(value.get(key, _ABSENT) != first.get(key, _ABSENT) for value in values[1:])]


def _text(path: str, value: Any, keys: list[Any]) -> str:
    if value is _ABSENT:
        return "not set"
    if keys and isinstance(value, Mapping):
        parts = [f"{key}: {_text(str(key), value.get(key, _ABSENT), [])}" for key in keys]
        return f"{{{first_few(parts, 4)}}}"
    if SECRET.search(path.rpartition(".")[2]):
        return "a secret"
    return "a mapping" if isinstance(value, Mapping) else shown(value)


def _serving(deployments: Any, inventory: Inventory) -> list[str]:
    return [host for body in _mapping(deployments).values() for host in _named(body, (*ALL, "router"), inventory)]


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _named(body: Any, keys: Iterable[str], inventory: Inventory) -> list[str]:
    """Return the hosts that some parts of a mapping name; what is wrong with their words is refused later."""
    found: list[str] = []
    for key in keys:
        try:
            found += inventory.resolve(parse_hosts(_mapping(_mapping(body).get(key)).get("hosts"), ""), "")
        except PlanError:
            continue
    return found
