# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check of hosts that have never been deployed to."""

CHANGED_SINCE_BOOT = "find /etc/systemd /etc/sglang /usr /opt /var/lib/sglang -xdev -cnewer /etc/hostname"


def test_a_check_shows_what_a_deploy_would_do_and_does_nothing(hosts, every_router, playbook):
    play = playbook("deploy", "--check")
    for router in every_router:
        assert f"/etc/systemd/system/{router.unit}.service" in play.output
    for host in hosts.names:
        assert play.count("changed")[host] > 0, f"the check shows no change for {host}"
        assert hosts.shell(host, f"{CHANGED_SINCE_BOOT} 2>/dev/null") == ""
        assert hosts.shell(host, "systemctl list-units --all --plain --no-legend 'sglang*'; grep sglang /etc/passwd") == ""
