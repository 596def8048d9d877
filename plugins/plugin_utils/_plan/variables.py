# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The variables of hosts as each host sees them, whichever host the play begins with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError

from .errors import PlanError

# What a host has where a variable is not set on it.
ABSENT: Any = object()
Template = Callable[[Any, Mapping[str, Any]], Any]
_MARKS = ("{{", "{%", "{#", "#jinja2")
# Variables of this kind are facts, but for those of the connection.
_FACT = re.compile(r"\bansible_(?!host\b|port\b|user\b|connection\b)")
_NO_FACTS = (
    "the plan gathers no facts: fill a fact cache first (fact_caching in ansible.cfg, then ansible all -m "
    "ansible.builtin.setup), or write the value"
)


class HostVariables(Mapping[str, Any]):
    """The variables of one host. A template that fails is refused with the names of the host and the variable."""

    def __init__(self, host: str, raw: Mapping[str, Any], around: Mapping[str, Any], template: Template) -> None:
        """Keep them as they are written. around: what its templates may name besides them."""
        self._host, self.raw, self._around, self._template = host, raw, around, template

    def __getitem__(self, name: str) -> Any:
        """Return a variable with its templates rendered, all of it."""
        return self.rendered(name, self.raw[name])

    def __iter__(self) -> Iterator[str]:
        """Return the names."""
        return iter(self.raw)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.raw)

    def rendered(self, name: str, value: Any) -> Any:
        """Return a value as this host sees it."""
        if is_plain(value):
            return value
        try:
            return _whole(self._template(value, {**self._around, **self.raw}))
        except AnsibleError as error:
            fix = _NO_FACTS if _FACT.search(repr(value)) else "define what it names for this host, or write the value"
            raise PlanError(f"host {self._host}: {name}: {error}; {fix}") from error


def is_plain(value: Any) -> bool:
    """Tell whether a value has no template, and nothing that Ansible has still to decrypt."""
    if isinstance(value, str):
        return not any(mark in value for mark in _MARKS)
    if isinstance(value, Mapping):
        return all(map(is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    return value is None or isinstance(value, (bool, int, float))


def _whole(value: Any) -> Any:
    """Return a value without parts that are rendered only when somebody reads them."""
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(item) for item in value]
    return value


class Variables:
    """The variables of all hosts, each host's read once."""

    def __init__(
        self, task: Mapping[str, Any], raw: Callable[[str], Mapping[str, Any]], template: Template, acting: str
    ) -> None:
        """Keep how to read them. task: what the acting host sees: also defaults of the role and variables of the play.

        raw: the variables of a host that belong to it, as they are written.
        """
        self._raw, self._template, self._hosts = raw, template, dict[str, HostVariables]()
        self._task, self._own = task, raw(acting)
        self._around = {name: value for name, value in task.items() if name not in self._own}

    def of(self, host: str) -> HostVariables:
        """Return the variables of a host."""
        if host not in self._hosts:
            self._hosts[host] = HostVariables(host, self._raw(host), self._around, self._template)
        return self._hosts[host]

    def is_set_over_hosts(self, name: str) -> bool:
        """Tell whether the play sets a variable over what hosts have."""
        return name in self._task and name in self._own and self._task[name] != self._own[name]

    def on(self, host: str, name: str) -> Any:
        """Return a variable of a host, ABSENT where the inventory sets none."""
        return self.of(host).get(name, ABSENT)

    def of_play(self, name: str, host: str) -> Any:
        """Return what the play or a role has for a variable, as a host sees it; ABSENT where they have nothing."""
        return self.of(host).rendered(name, self._task[name]) if name in self._task else ABSENT
