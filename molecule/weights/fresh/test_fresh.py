# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check of hosts that have never been deployed to."""

from conftest import NODES
from scenario import assert_never_deployed_to


def test_a_check_shows_what_a_deploy_would_do_and_does_nothing(hosts, playbook):
    play = playbook("deploy", "--check")
    assert "/etc/systemd/system/sglang-tiny-0.service" in play.output
    assert "nfs1:/srv/models at /mnt/models" in play.output
    for host in NODES:
        assert play.count("changed")[host] > 0, f"the check shows no change for {host}"
        assert hosts.shell(host, "ls -d /data /mnt/models 2>/dev/null; grep nfs /etc/fstab /proc/mounts") == ""
    assert_never_deployed_to(hosts)
