# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys on the hosts: who can read them, and where they must not be found."""

import re
from pathlib import PurePath

import pytest
from leaks import PLACES, assert_no_key_in
from scenario import secret_environment

# What systemd-analyze says of the unit; 8.5 without its directives.
EXPOSURE = 4.0


@pytest.mark.parametrize("place", PLACES)
def test_no_key_is_in(place, hosts):
    assert_no_key_in(place, hosts)


def test_only_the_user_of_the_servers_can_read_the_keys(hosts, alpha):
    for host in alpha.ranks:
        path = f"/etc/sglang/{alpha.unit}/keys.yaml"
        assert hosts.run(host, "stat", "--format=%a %U %F", path) == "600 sglang regular file\n"
        assert all(key in hosts.run(host, "cat", path) for key in alpha.keys.values())


def test_a_secret_environment_is_that_of_the_servers_and_of_nobody_else(hosts, alpha):
    (token,) = secret_environment()
    for host in alpha.ranks:
        found = hosts.shell(host, f"grep -l --text {token} /proc/[0-9]*/environ 2>/dev/null").split()
        servers = {pid for pid, _user, _command in hosts.processes(host, alpha.unit)}
        # A process that changes its title overwrites its environment.
        assert found
        assert {int(path.split("/")[2]) for path in found} <= servers
        path = f"/etc/sglang/{alpha.unit}/secrets.json"
        assert hosts.run(host, "stat", "--format=%a %U %F", path) == "600 root regular file\n"


def test_systemd_reads_nothing_that_the_servers_could_have_written(hosts, servers):
    for server in servers.values():
        for host in server.ranks:
            shown = hosts.run(host, "systemctl", "show", "--property=EnvironmentFiles", server.unit)
            paths = re.findall(r"EnvironmentFiles=(\S+) ", shown)
            assert paths
            for path in paths:
                every = [str(one) for one in (PurePath(path), *PurePath(path).parents)]
                assert set(hosts.run(host, "stat", "--format=%U", *every).split()) == {"root"}


def test_a_server_is_locked_in(hosts, alpha):
    shown = hosts.run(alpha.ranks[0], "systemd-analyze", "security", "--no-pager", alpha.unit)
    assert float(re.search(r"Overall exposure level for \S+: ([\d.]+)", shown).group(1)) <= EXPOSURE, shown
