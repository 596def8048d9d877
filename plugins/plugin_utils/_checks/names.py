# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Whether the hosts take each other's names for addresses that they have; a name that nobody knows is no fault, since nothing uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .finding import Finding, section, short


def addresses_of(node: dict[str, Any]) -> set[str]:
    """Return the addresses of a host that others may reach, without the length of their prefix."""
    interfaces = section(node, "network", {}).get("interfaces", [])
    own = {address.partition("/")[0] for interface in interfaces for address in interface["addresses"]}
    return {address for address in own if not address.startswith("127.") and address != "::1"}


def findings(nodes: Mapping[str, dict[str, Any]]) -> dict[str, list[tuple[str, Finding]]]:
    """Return by host which names of other hosts it takes for addresses that these do not have."""
    owned = {host: addresses_of(node) for host, node in nodes.items()}
    found: dict[str, list[tuple[str, Finding]]] = {}
    for host, node in nodes.items():
        for name, answer in section(node, "network", {}).get("names", {}).items():
            told = answer["addresses"]
            if name != host and told and owned.get(name) and not owned[name] & set(told):
                seen = f"it takes the name {name} for {short(told, 3)}, which {name} does not have"
                needed = f"one of {short(sorted(owned[name]), 3)}"
                remedy = f"correct /etc/hosts of this host or the DNS (getent hosts {name})"
                found.setdefault(host, []).append(("names", Finding("name", seen, needed, remedy)))
    return found
