# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process of a server is killed: a scheduler of a follower here, the main process of a leader there."""

from scenario import wait_until


def test_killed_servers_come_back_on_all_their_hosts(hosts, alpha, beta):
    before = {server.unit: server.started() for server in (alpha, beta)}
    follower, leader = alpha.ranks[1], beta.ranks[0]
    (scheduler,) = [pid for pid, _user, command in hosts.processes(follower, alpha.unit) if "scheduler" in command]
    hosts.run(follower, "kill", "-KILL", str(scheduler))
    hosts.run(leader, "kill", "-KILL", hosts.show(leader, beta.unit)["MainPID"])
    for server in (alpha, beta):
        wait_until(
            f"all ranks of {server.unit} were started again",
            lambda server=server: all(
                now > then for now, then in zip(server.started(), before[server.unit], strict=True)
            ),
        )
        wait_until(f"{server.unit} answers again", server.answers)


def test_a_deploy_finds_them_as_planned(hosts, playbook):
    again = playbook("deploy")
    assert again.count("changed") == dict.fromkeys(hosts.names, 0), again.diff()
