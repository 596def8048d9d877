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

_MARKS = ("{{", "{%", "{#", "#jinja2")
# Variables of this kind are facts, but for those of the connection.
_FACT = re.compile(r"\bansible_(?!host\b|port\b|user\b|connection\b)")
_NO_FACTS = (
    "the plan gathers no facts: fill a fact cache first (fact_caching in ansible.cfg, then ansible all -m "
    "ansible.builtin.setup), or write the value"
)


class HostVariables(Mapping[str, Any]):
    """The variables of one host as it sees them, each rendered once and only when somebody reads it."""

    def __init__(self, host: str, raw: Mapping[str, Any], render: Callable[[Any], Any]) -> None:
        """Keep them. raw: as they are written."""
        self._host, self._raw, self._render = host, raw, render
        self._rendered: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """Return a variable with its templates rendered, all of it."""
        value = self._raw[name]
        if is_plain(value):
            return value
        if name not in self._rendered:
            try:
                self._rendered[name] = _whole(self._render(value))
            except AnsibleError as error:
                problem = " ".join(str(error).split()).rstrip(".")
                fix = (
                    _NO_FACTS if _FACT.search(f"{value!r} {problem}") else "define it for this host, or write the value"
                )
                raise PlanError(f"host {self._host}: {name}: {problem}; {fix}") from error
        return self._rendered[name]

    def __contains__(self, name: object) -> bool:
        """Tell whether there is one, without rendering it, as Mapping would."""
        return name in self._raw

    def __iter__(self) -> Iterator[str]:
        """Return the names."""
        return iter(self._raw)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._raw)


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
