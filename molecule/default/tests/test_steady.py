# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that have been deployed, and deploying them again."""

import re

# A leader that is asked to stop finishes its requests and ends its followers; a follower asked alone would wait for it.
KILL_MODES = ("mixed", "control-group")
PROPERTIES = {
    "ActiveState": "active",
    "NRestarts": "0",
    "UnitFileState": "enabled",
    "User": "sglang",
    "Restart": "always",
    "LimitMEMLOCK": "infinity",
    "LimitNOFILE": "1048576",
    "NoNewPrivileges": "yes",
    "PrivateTmp": "yes",
}


def test_every_server_answers(servers):
    assert {name: server.answers() for name, server in servers.items()} == dict.fromkeys(servers, True)


def test_a_server_with_a_key_answers_nobody_without_it(alpha):
    assert alpha.complete() == 401
    assert alpha.complete("another key") == 401


def test_every_unit_has_the_limits_and_the_restarts_that_were_promised(hosts, servers):
    for server in servers.values():
        for host, kill_mode in zip(server.ranks, KILL_MODES, strict=True):
            expected = PROPERTIES | {"KillMode": kill_mode}
            shown = hosts.show(host, server.unit)
            assert {name: shown[name] for name in expected} == expected, f"{server.unit} on {host}"


def test_the_running_processes_have_the_limit_of_open_files(hosts, servers):
    for server in servers.values():
        for host in server.ranks:
            # Where systemd itself may not have more, it cannot give more.
            expected = min(int(PROPERTIES["LimitNOFILE"]), open_files(hosts, host, 1)[1])
            for process, _user, command in hosts.processes(host, server.unit):
                assert open_files(hosts, host, process) == (expected, expected), f"{command} on {host}"


def open_files(hosts, host, process):
    """Return the limits of open files that a process really has, soft and hard."""
    limits = hosts.run(host, "cat", f"/proc/{process}/limits")
    soft, hard = re.search(r"^Max open files +(\d+) +(\d+) ", limits, re.MULTILINE).groups()
    return int(soft), int(hard)


def test_every_process_runs_as_the_user_of_the_servers(hosts, servers):
    for server in servers.values():
        for host in server.ranks:
            found = hosts.processes(host, server.unit)
            assert any("scheduler" in command for _pid, _user, command in found), f"{server.unit} on {host}: {found}"
            assert {user for _pid, user, _command in found} == {"sglang"}


def test_a_second_deploy_changes_nothing_and_restarts_nobody(hosts, servers, playbook):
    before = {name: server.started() for name, server in servers.items()}
    for words in ([], ["--check"]):
        again = playbook("deploy", *words)
        assert again.count("changed") == dict.fromkeys(hosts.names, 0), again.diff()
    assert {name: server.started() for name, server in servers.items()} == before


def test_status_agrees(playbook):
    playbook("status")
