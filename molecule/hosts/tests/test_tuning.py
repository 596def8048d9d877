# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tuning as the running system shows it, and taking it back."""

import json
import subprocess

from tests.lab.settings import KEY, SSH_OPTIONS

ONLY = ("--tags", "node_tuning")


def sysctl(hosts, host, key):
    """Return what the kernel has."""
    return hosts.run(host, "sysctl", "-n", key).strip()


def login(hosts, host, script):
    """Return what a script prints in a login of its own."""
    words = ["ssh", *SSH_OPTIONS, "-i", str(KEY), f"root@{hosts.lab.address(host)}", script]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def test_the_running_kernel_has_the_values(hosts):
    for host in hosts.names:
        assert sysctl(hosts, host, "net.core.somaxconn") == "8192"
        assert sysctl(hosts, host, "net.ipv4.tcp_slow_start_after_idle") == "0"
        assert sysctl(hosts, host, "net.ipv4.tcp_rmem").split() == ["4096", "131072", "134217728"]


def test_the_ports_of_the_plan_are_reserved_beside_those_of_others(hosts, playbook):
    host = hosts.names[0]
    planned = sysctl(hosts, host, "net.ipv4.ip_local_reserved_ports")
    assert "30000" in planned.split(",")
    hosts.run(host, "sysctl", "-w", f"net.ipv4.ip_local_reserved_ports={planned},45000")
    playbook("prepare", *ONLY)
    assert set(sysctl(hosts, host, "net.ipv4.ip_local_reserved_ports").split(",")) == {*planned.split(","), "45000"}


def test_a_value_that_is_higher_already_stays(hosts, playbook):
    host = hosts.names[0]
    hosts.run(host, "sysctl", "-w", "net.core.somaxconn=16384")
    assert playbook("prepare", *ONLY).count("changed")[host] == 0
    assert sysctl(hosts, host, "net.core.somaxconn") == "16384"
    hosts.run(host, "sysctl", "-w", "net.core.somaxconn=8192")


def test_what_is_the_machines_is_left_alone_and_said(hosts, playbook):
    before = sysctl(hosts, hosts.names[0], "vm.max_map_count")
    wanted = json.dumps(
        {"node_tuning_sysctls_at_least": {"vm.max_map_count": int(before) + 1}, "node_tuning_limits": {}}
    )
    play = playbook("prepare", "--check", *ONLY, "-e", wanted)
    assert "vm.max_map_count" in play.output
    assert "it belongs to the machine that this container runs on" in play.output
    assert sysctl(hosts, hosts.names[0], "vm.max_map_count") == before


def test_a_login_has_the_limit_or_the_play_says_why_not(hosts, playbook):
    play = playbook(
        "prepare", *ONLY, "-e", json.dumps({"node_tuning_limits": {"nofile": 4321, "memlock": "unlimited"}})
    )
    for host in hosts.names:
        limits = login(hosts, host, "ulimit -n; ulimit -l").split()
        assert limits[0] == "4321"
        unlimited = limits[1] == "unlimited"
        assert unlimited != ("limit memlock" in play.output), "a limit that cannot be given must be said, and only that"


def test_jumbo_frames_stay_only_if_they_reach_every_peer(hosts, playbook):
    # The interfaces take them, but not the bridge between the hosts.
    play = playbook("prepare", *ONLY, "-e", "node_tuning_mtu=4000", succeeds=False)
    assert "no answer to packets of 4000 bytes (expected MTU 4000 on the whole path" in play.output
    for host in hosts.names:
        assert "mtu 1500" in hosts.run(host, "ip", "link", "show", "eth0")


def test_removing_takes_it_back(hosts, playbook):
    playbook("remove", *ONLY)
    for host in hosts.names[1:]:
        assert sysctl(hosts, host, "net.core.somaxconn") == "4096"
        assert sysctl(hosts, host, "net.ipv4.tcp_slow_start_after_idle") == "1"
        assert hosts.shell(host, "ls /etc/sysctl.d/*multinode* /etc/security/limits.d/*multinode* 2>/dev/null") == ""
    assert sysctl(hosts, hosts.names[0], "net.ipv4.ip_local_reserved_ports") == "45000"
