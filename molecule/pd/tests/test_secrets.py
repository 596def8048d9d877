# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys on the hosts: who can read them, and where they must not be found."""

import pytest
from leaks import PLACES, assert_no_key_in


@pytest.mark.parametrize("place", PLACES)
def test_no_key_is_in(place, hosts):
    assert_no_key_in(place, hosts)


def test_only_root_can_read_the_key_of_a_router(hosts, routers):
    for router in routers["pd"]:
        path = f"/etc/sglang/{router.unit}/secrets.json"
        assert hosts.run(router.host, "stat", "--format=%a %U %F", path) == "600 root regular file\n"
        assert router.key in hosts.run(router.host, "cat", path)


def test_a_deployment_without_a_key_has_no_such_file(hosts, routers):
    for router in routers["plain"]:
        assert "secrets.json" not in hosts.run(router.host, "ls", f"/etc/sglang/{router.unit}")
