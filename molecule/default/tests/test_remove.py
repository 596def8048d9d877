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


def test_accounts_and_directories_of_others_stay(hosts, playbook):
    host = hosts.names[0]
    hosts.run(host, "useradd", "--create-home", "--home-dir", "/srv/ops", "--shell", "/bin/bash", "ops")
    hosts.run(host, "sh", "-c", "mkdir -p /srv/tools/1.0 && touch /srv/tools/1.0/kept /srv/ops/kept")
    before = hosts.run(host, "getent", "passwd", "ops")
    others = (
        "-e",
        "sglang_server_user=ops",
        "-e",
        "sglang_server_home=/srv/ops",
        "-e",
        "sglang_runtime_root=/srv/tools",
    )
    playbook("deploy", "--tags", "install", "--skip-tags", "sglang_runtime", *others)
    # Where the account was not there, it was created.
    assert ":multinode.sglang:/srv/ops:/usr/sbin/nologin" in hosts.run(hosts.names[1], "getent", "passwd", "ops")
    playbook("remove", *others)
    assert hosts.run(host, "getent", "passwd", "ops") == before
    hosts.run(host, "ls", "/srv/tools/1.0/kept", "/srv/ops/kept")
    assert hosts.shell(hosts.names[1], "getent passwd ops; ls -d /srv/ops 2>/dev/null") == ""
    hosts.run(host, "userdel", "--remove", "ops")


def test_nothing_is_left_but_the_weights(hosts, playbook):
    playbook("remove")
    assert_nothing_left(hosts)
