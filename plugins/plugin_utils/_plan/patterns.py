# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What `hosts:` names: groups, hosts, and Ansible's patterns of them, with their own meaning and order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager, split_host_pattern
from ansible.parsing.dataloader import DataLoader

from .errors import PlanError, nearest

# What makes a pattern of a word that is neither a group nor a host.
_SPECIAL = re.compile(r"[!&*?~,:\[]")
_WILDCARD = re.compile(r"[*?\[]")
_SUBSCRIPT = re.compile(r"\[-?\d*:?\d*\]\Z")
# Groups that nobody means when a name is misspelt.
_BUILT_IN = ("all", "ungrouped")


class Patterns:
    """The groups of an inventory, and which hosts a word of `hosts:` names."""

    def __init__(self, groups: Mapping[str, Sequence[str]]) -> None:
        """Keep the groups. They are name -> hosts, those of their children included, in the order of the inventory."""
        self._groups = groups
        self._hosts = dict.fromkeys(groups.get("all", ()))

    def resolve(self, hosts: str | Sequence[str], where: str) -> list[str]:
        """Return the hosts of a word, or of all words of a list in its order; "!x" and "&x" narrow the whole list."""
        words = [hosts] if isinstance(hosts, str) else list(hosts)
        narrowing = [word for word in words if word[0] in "!&" and not self._knows(word)] if len(words) > 1 else []
        found: dict[str, str] = {}
        for word in [word for word in words if word not in narrowing] or ["all"]:
            for name in self._named(word, where):
                if name in found:
                    by = "" if found[name] == word else f", by {found[name]} and {word}"
                    raise PlanError(f"{where}: {name} is named twice{by}; name each host once")
                found[name] = word
        names = list(found)
        for word in narrowing:
            these = set(self._named(word[1:], where))
            names = [name for name in names if (name in these) == (word[0] == "&")]
        if not names:
            raise PlanError(f"{where}: {hosts!r} leaves no host; correct the list")
        return names

    def _knows(self, word: str) -> bool:
        return word in self._groups or word in self._hosts

    def _named(self, word: str, where: str) -> list[str]:
        if word in self._groups:
            if not self._groups[word]:
                raise PlanError(f"{where}: the group {word!r} has no hosts; add hosts to it in the inventory")
            return list(self._groups[word])
        if word in self._hosts:
            return [word]
        parts = split_host_pattern(word) if _SPECIAL.search(word) else [word]
        for part in parts:
            self._check_spelling(part, where)
        try:
            names = [host.name for host in self._manager.get_hosts(word)]
        except AnsibleError:
            # A number beyond the hosts of a group, or a regular expression that is none.
            names = []
        if not names:
            raise PlanError(f"{where}: the pattern {word!r} matches no host; correct it")
        return names

    def _check_spelling(self, part: str, where: str) -> None:
        """Refuse a name that is none: Ansible would ignore it."""
        name = part.lstrip("!&")
        plain = name if self._knows(name) else _SUBSCRIPT.sub("", name)
        if self._knows(plain) or plain.startswith("~") or _WILDCARD.search(plain):
            return
        names = [known for known in (*self._groups, *self._hosts) if known not in _BUILT_IN]
        hint = nearest(plain, names) or "; correct the name"
        raise PlanError(f"{where}: the inventory has no group or host {plain!r}{hint}")

    @cached_property
    def _manager(self) -> InventoryManager:
        """Ansible's own matching. It knows nothing of --limit, which must not change the plan."""
        manager = InventoryManager(loader=DataLoader(), sources=None, parse=False)
        for group, names in self._groups.items():
            manager.add_group(group)
            for name in names:
                manager.add_host(name, group)
        return manager
