# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The settings that are one for the whole plan, read on every host that it has.

They may be written anywhere in the inventory. If those of one group were taken for all, --limit would change the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

from . import keys
from .env import SECRET
from .errors import PlanError, shown
from .inventory import Inventory
from .schema import parse_hosts
from .variables import ABSENT, Variables

DEPLOYMENTS, MODELS = "deployments", "models"
# What to do where only some hosts are meant. Option -> words.
_FOR_SOME = {
    "sglang_version": "; for one deployment, write sglang_version there",
    "env": "; for one deployment, write env there, and for one host sglang_host_env",
}
Views = list[tuple[Any, list[str]]]


def agreed(names: Mapping[str, str], variables: Variables, inventory: Inventory, acting: str) -> dict[str, Any]:
    """Return option -> its value on all hosts of the plan; refuse where hosts differ. names: option -> variable.

    What is served where is compared on all hosts that have it first: only then is it known which hosts the plan has.
    """
    sight = _Sight(names, variables, acting)
    deployments = sight.value(DEPLOYMENTS, sight.having(DEPLOYMENTS, inventory.groups.get("all", ())))
    planned = list(dict.fromkeys(_hosts_of(deployments, inventory)))
    models = sight.value(MODELS, planned)
    planned = list(dict.fromkeys([*planned, *_hosts_of_models(models, inventory)]))
    found: dict[str, Any] = {}
    refusals: list[str] = []
    for option in names:
        try:
            found[option] = sight.value(option, planned)
        except PlanError as error:
            refusals += error.sentences
    if refusals:
        raise PlanError(*refusals)
    return found


def as_option(kind: str, value: Any, variable: str) -> Any:
    """Return a variable as an option of a kind takes it; -e and templates make text of numbers, YAML the reverse."""
    if kind == "str" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if kind == "str" and not isinstance(value, str):
        raise PlanError(f"{variable}: {shown(value)} is not a string; write it in quotes")
    if kind == "int" and isinstance(value, str) and value.isdecimal():
        return int(value)
    if kind == "int" and (isinstance(value, bool) or not isinstance(value, int)):
        raise PlanError(f"{variable}: {shown(value)} is not a whole number; write a number")
    return value


class _Sight:
    """What hosts see of the settings."""

    def __init__(self, names: Mapping[str, str], variables: Variables, acting: str) -> None:
        self._names, self._variables, self._acting = names, variables, acting

    def having(self, option: str, hosts: Iterable[str]) -> list[str]:
        """Return the hosts on which the inventory sets an option."""
        return [host for host in hosts if self._names[option] in self._variables.of(host)]

    def value(self, option: str, hosts: list[str]) -> Any:
        """Return the value that all hosts have: that of the inventory, else that of the play or the role."""
        name = self._names[option]
        if not self._variables.is_set_over_hosts(name):
            views = self._views(name, hosts)
            if len(views) > 1:
                raise PlanError(f"{name}: {_difference(views)}{_FOR_SOME.get(option, '')}")
            if views and views[0][0] is not ABSENT:
                return views[0][0]
        value = self._variables.of_play(name, hosts[0] if hosts else self._acting)
        if value is ABSENT:
            raise PlanError(f"{name}: it is not set; set it in group_vars/all of the inventory")
        return value

    def _views(self, name: str, hosts: Iterable[str]) -> Views:
        views: Views = []
        for host in hosts:
            value = self._variables.on(host, name)
            for known, those in views:
                if value is known or value == known:
                    those.append(host)
                    break
            else:
                views.append((value, [host]))
        return views


def _difference(views: Views) -> str:
    """Return what differs between hosts, without secrets."""
    maps = [value for value, _hosts in views if isinstance(value, Mapping)]
    keys = list(
        dict.fromkeys(key for value in maps for key in value if any(_of(one, key) != value[key] for one in maps))
    )
    only = keys[0] if len(keys) == 1 else None
    where = f" in {first_few(map(str, keys))}" if keys else ""
    said = ", ".join(f"{_text(value, only)} on {first_few(hosts)}" for value, hosts in views)
    return f"hosts of the plan differ{where}: {said}; the plan is one for all, so set it in group_vars/all"


def _of(value: Mapping[Any, Any], key: Any) -> Any:
    return value.get(key, ABSENT)


def _text(value: Any, key: Any) -> str:
    if isinstance(value, Mapping) and key is not None:
        if key not in value:
            return "none"
        value = value[key]
        if isinstance(key, str) and SECRET.search(key):
            return "a secret"
    if value is ABSENT:
        return "not set"
    return "a value" if isinstance(value, (Mapping, list)) else shown(value)


def _hosts_of(deployments: Any, inventory: Inventory) -> Iterator[str]:
    """Return the hosts that deployments name; what is wrong with their words is refused later."""
    for body in _bodies(deployments):
        for key in (*keys.ALL, "router"):
            yield from _resolved(body.get(key), inventory)


def _hosts_of_models(models: Any, inventory: Inventory) -> Iterator[str]:
    for body in _bodies(models):
        yield from _resolved(body, inventory)


def _bodies(value: Any) -> list[Mapping[str, Any]]:
    return [body for body in value.values() if isinstance(body, Mapping)] if isinstance(value, Mapping) else []


def _resolved(group: Any, inventory: Inventory) -> list[str]:
    if not isinstance(group, Mapping) or "hosts" not in group:
        return []
    try:
        return inventory.resolve(parse_hosts(group["hosts"], ""), "")
    except PlanError:
        return []
