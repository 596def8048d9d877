# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check of hosts that have never been deployed to."""

from scenario import assert_never_deployed_to


def test_a_check_shows_what_a_deploy_would_do_and_does_nothing(hosts, servers, playbook):
    play = playbook("deploy", "--check")
    for server in servers.values():
        assert f"/etc/systemd/system/{server.unit}.service" in play.output
    for host in hosts.names:
        assert play.count("changed")[host] > 0, f"the check shows no change for {host}"
    assert_never_deployed_to(hosts)
