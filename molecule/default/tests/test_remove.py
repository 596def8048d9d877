# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping everything, and then removing it."""

from scenario import assert_nothing_left


def test_leaders_stop_before_their_followers(servers, playbook):
    playbook("stop")
    for server in servers.values():
        assert server.shows("ActiveState") == ["inactive"] * 2
        # The hosts share one kernel, and so one monotonic clock.
        leader, follower = map(int, server.shows("ActiveExitTimestampMonotonic"))
        assert leader < follower, f"{server.unit}: the follower was stopped first"


def test_status_fails_while_servers_are_stopped(servers, playbook):
    play = playbook("status", succeeds=False)
    for server in servers.values():
        assert server.unit.removeprefix("sglang-") in play.output


def test_nothing_is_left_but_the_weights(hosts, playbook):
    playbook("remove")
    assert_nothing_left(hosts)
