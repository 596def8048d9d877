# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where keys must not be found on the hosts, after all that the other tests have done to the servers."""

import pytest
from scenario import all_keys, around

# Each place, how to print all of it, and something that shows that it was really printed. The files are those that were written
# since the host was booted.
PLACES = {
    "the command lines of all processes": ("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ps -ef", "sglang.launch_server"),
    "the journal with all its fields": ("journalctl --no-pager --all --output=export", "all 2 ranks are there"),
    "what systemd shows of the units": ("systemctl cat 'sglang-*'; systemctl show 'sglang-*'", "ExecStart"),
    "what other users can read": (
        "runuser -u nobody -- find / /run /dev/shm /tmp -xdev -type f -readable -cnewer /etc/hostname -size -8M -exec cat {} +",
        "[Service]",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_no_key_is_in(place, hosts):
    command, proof = PLACES[place]
    for host in hosts.names:
        printed = hosts.shell(host, f"{command} 2>/dev/null")
        assert proof in printed, f"{host}: this does not show {place}: {printed[:500]}"
        for key in all_keys():
            assert key not in printed, f"{host}: {around(key, printed)}"


def test_only_the_user_of_the_servers_can_read_the_keys(hosts, alpha):
    for host in alpha.ranks:
        path = f"/etc/sglang/{alpha.unit}/keys.yaml"
        assert hosts.run(host, "stat", "--format=%a %U %F", path) == "600 sglang regular file\n"
        assert all(key in hosts.run(host, "cat", path) for key in alpha.keys.values())
