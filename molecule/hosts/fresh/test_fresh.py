# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that nobody has prepared yet."""


def test_a_check_tells_what_would_change_and_changes_nothing(hosts, playbook):
    play = playbook("prepare", "--check")
    assert all(number > 0 for number in play.count("changed").values()), play.output[-3000:]
    assert "+net.core.somaxconn = 8192" in play.output
    for host in hosts.names:
        left = hosts.shell(
            host,
            "ls /etc/sysctl.d/*multinode* /etc/security/limits.d/*multinode* 2>/dev/null;"
            "cat /proc/sys/net/core/somaxconn",
        )
        assert left == "4096\n"
        assert "inactive" in hosts.run(host, "ufw", "status")
        assert "rdma-core" not in hosts.shell(host, "dpkg-query -W -f '${Package}\\n'")
