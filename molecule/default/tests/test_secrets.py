# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys on the hosts: who can read them, and where they must not be found."""

import pytest
from leaks import PLACES, assert_no_key_in


@pytest.mark.parametrize("place", PLACES)
def test_no_key_is_in(place, hosts):
    assert_no_key_in(place, hosts)


def test_only_the_user_of_the_servers_can_read_the_keys(hosts, alpha):
    for host in alpha.ranks:
        path = f"/etc/sglang/{alpha.unit}/keys.yaml"
        assert hosts.run(host, "stat", "--format=%a %U %F", path) == "600 sglang regular file\n"
        assert all(key in hosts.run(host, "cat", path) for key in alpha.keys.values())
