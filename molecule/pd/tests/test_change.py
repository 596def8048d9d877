# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An option of the routers of one deployment changes."""

import json

OPTION = json.dumps({"pd_router_options": {"policy": "random"}})


def test_only_its_routers_are_restarted_and_one_after_the_other(hosts, routers, started, playbook):
    before = started()
    playbook("deploy", "-e", OPTION)
    after = started()
    restarted = {name for name in before if after[name] != before[name]}
    assert restarted == {f"{router.unit} on {router.host}" for router in routers["pd"]}
    # The hosts share one kernel, and so one monotonic clock: the second is stopped when the first one serves.
    first, second = sorted(routers["pd"], key=lambda router: router.started())
    assert int(second.shows("InactiveEnterTimestampMonotonic")) > first.started()
    assert all(router.answers() for router in routers["pd"])


def test_and_back(routers, playbook):
    playbook("deploy")
    assert all(router.answers() for router in routers["pd"])
