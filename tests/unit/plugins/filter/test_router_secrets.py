# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which secrets a router gets."""

from __future__ import annotations

from ansible_collections.multinode.sglang.plugins.filter.router_secrets import router_secrets


def test_the_flat_key_is_for_every_deployment() -> None:
    assert router_secrets(["a", "b"], "K", {}, {}) == {"a": {"api-key": "K"}, "b": {"api-key": "K"}}


def test_a_deployments_own_keys_replace_it_and_the_servers_keys_stay_there() -> None:
    keys = {"a": {"api_key": "A", "admin_api_key": "ADMIN"}, "b": {}}
    assert router_secrets(["a", "b", "c"], "K", keys, {}) == {"a": {"api-key": "A"}, "b": {}, "c": {"api-key": "K"}}


def test_further_options_join_it_and_empty_ones_do_not() -> None:
    options = {"a": {"redis-url": "redis://h", "oracle-password": "", "control-plane-api-keys": ["x", "y"]}, "b": None}
    assert router_secrets(["a", "b"], "", {}, options) == {
        "a": {"redis-url": "redis://h", "control-plane-api-keys": ["x", "y"]},
        "b": {},
    }


def test_deployments_of_other_hosts_stay_away() -> None:
    assert router_secrets(["a"], "", {"b": {"api_key": "B"}}, {"b": {"redis-url": "r"}}) == {"a": {}}
