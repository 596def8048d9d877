# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where keys must not be found on the hosts, after all that the tests have done to the servers."""

from __future__ import annotations

from scenario import Hosts, all_keys, around, secret_environment

ENVIRONMENTS = "the environments of all processes"
# Each place, the command that prints all of it, and a text that proves that it was printed. Files are those written
# since the host was booted.
PLACES = {
    "the command lines of all processes": ("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ps -ef", "sglang.launch_server"),
    ENVIRONMENTS: ("cat /proc/[0-9]*/environ | tr '\\0' ' '", "SGLANG_HOST_IP"),
    "the journal with all its fields": ("journalctl --no-pager --all --output=export", "UNIT=sglang-"),
    "what systemd shows of the units": ("systemctl cat 'sglang-*'; systemctl show 'sglang-*'", "ExecStart"),
    "what other users can read": (
        "runuser -u nobody -- find / /run /dev/shm /tmp -xdev -type f -readable -cnewer /etc/hostname -size -8M"
        " -exec cat {} +",
        "[Service]",
    ),
}


def assert_no_key_in(place: str, hosts: Hosts) -> None:
    """Print a place on every host and look for every key."""
    command, proof = PLACES[place]
    for host in hosts.names:
        printed = hosts.shell(host, f"{command} 2>/dev/null")
        assert proof in printed, f"{host}: this does not show {place}: {printed[:500]}"
        for key in (*all_keys(), *(() if place == ENVIRONMENTS else secret_environment())):
            assert key not in printed, f"{host}: {around(key, printed)}"
