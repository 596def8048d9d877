# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Whether hosts resolve each other's names correctly. A name that does not resolve is fine: nothing uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

from .finding import Finding, section


def addresses_of(node: dict[str, Any]) -> set[str]:
    """Return the addresses of a host that others may reach, without prefix lengths."""
    interfaces = section(node, "network", {}).get("interfaces", [])
    own = {address.partition("/")[0] for interface in interfaces for address in interface["addresses"]}
    return {address for address in own if not address.startswith("127.") and address != "::1"}


def findings(nodes: Mapping[str, dict[str, Any]]) -> Iterable[tuple[str, Finding]]:
    """Yield (host, finding) for each name of another host that resolves to an address which that host does not have."""
    owned = {host: addresses_of(node) for host, node in nodes.items()}
    for host, node in nodes.items():
        for name, answer in section(node, "network", {}).get("names", {}).items():
            resolved = answer["addresses"]
            if name != host and resolved and owned.get(name) and not owned[name] & set(resolved):
                found = f"name {name} resolves to {first_few(resolved, 3)}"
                expected = f"{first_few(sorted(owned[name]), 3, ' or ')}, the address of {name}"
                fix = f"correct /etc/hosts of this host or the DNS (getent hosts {name})"
                yield host, Finding("address", "name", found, expected, fix)
