# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A prefill instance and a router are killed."""

from routers import wait_for_workers
from scenario import wait_until
from test_steady import PREFILL

WORKERS = (*PREFILL, "decode http://10.77.31.12:30000")


def kill(hosts, host, unit):
    """Kill the main process of a unit; return when it had been started."""
    shown = hosts.show(host, unit)
    hosts.run(host, "kill", "-KILL", shown["MainPID"])
    return int(shown["ActiveEnterTimestampMonotonic"])


def test_a_prefill_instance_comes_back_and_the_routers_take_it_again(hosts, routers):
    unit = "sglang-pd-prefill-0"
    before = kill(hosts, "node1", unit)
    wait_until("the routers notice", lambda: any(not all(router.workers().values()) for router in routers["pd"]))
    assert routers["pd"][0].answers(), "the other prefill instance does not take over"
    wait_until(
        f"{unit} was started again", lambda: int(hosts.show("node1", unit)["ActiveEnterTimestampMonotonic"]) > before
    )
    wait_until("it is healthy again", lambda: all(router.has(*WORKERS) for router in routers["pd"]))
    assert [router.answers() for router in routers["pd"] for _again in range(4)] == [True] * 8


def test_a_router_comes_back_with_all_its_workers(hosts, routers):
    router = routers["pd"][0]
    before = kill(hosts, router.host, router.unit)
    wait_until(
        f"{router.unit} was started again",
        lambda: router.shows("ActiveState") == "active" and router.started() > before,
    )
    wait_for_workers(router, *WORKERS)
    assert router.answers()


def test_a_deploy_finds_them_as_planned(hosts, playbook):
    again = playbook("deploy")
    assert again.count("changed") == dict.fromkeys(hosts.names, 0), again.diff()
