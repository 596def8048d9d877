# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing everything."""

from conftest import NODES, STORE
from scenario import assert_nothing_left


def test_nothing_is_left_but_the_models_and_the_mounts(hosts, playbook):
    playbook("remove")
    assert_nothing_left(hosts, *NODES)
    for host in NODES:
        assert "config.json" in hosts.run(host, "ls", f"{STORE}/current/")
        assert "/mnt/models fuse.nfs" in hosts.run(host, "cat", "/proc/mounts")
        assert hosts.shell(host, "ls /etc/udev/rules.d/*sglang* 2>/dev/null") == ""
