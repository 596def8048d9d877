# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping everything, and then removing it."""

from scenario import assert_nothing_left


def test_routers_stop_before_the_servers(every_router, instances, hosts, playbook):
    playbook("stop")
    assert {router.shows("ActiveState") for router in every_router} == {"inactive"}
    last = max(int(router.shows("ActiveExitTimestampMonotonic")) for router in every_router)
    for one in instances.values():
        assert int(hosts.show(one["ranks"][0]["host"], one["name"])["ActiveExitTimestampMonotonic"]) > last


def test_status_fails_while_they_are_stopped(every_router, playbook):
    play = playbook("status", succeeds=False)
    assert "router" in play.output


def test_nothing_is_left_but_the_weights(hosts, playbook):
    playbook("remove")
    assert_nothing_left(hosts)
