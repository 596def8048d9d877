# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a host with addresses."""

from __future__ import annotations

from ansible_collections.multinode.sglang.plugins.filter.plan_reach import plan_reach

RULES = [
    {"sources": "clients", "ports": "30000", "why": "llama-0: the API"},
    {"sources": "instance llama-0@node1", "ports": "20000", "why": "llama-0: between its ranks"},
]
PLAN = {"peers": {"instance llama-0@node1": ("10.0.0.1", "10.0.0.2")}, "hosts": {"node1": {"reach": RULES}}}


def test_sets_of_peers_become_addresses() -> None:
    clients, peers = plan_reach(PLAN, "node1")
    assert clients == {"sources": "clients", "ports": "30000", "protocol": "tcp", "why": "llama-0: the API"}
    assert peers["sources"] == ["10.0.0.1", "10.0.0.2"]


def test_a_host_that_is_not_in_the_plan_has_no_rules() -> None:
    assert plan_reach(PLAN, "node9") == []
