# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A decode instance is added to the inventory and taken out again, while clients go on asking."""

import json
import re

from routers import clients
from test_steady import PREFILL

FIRST, SECOND = "decode http://10.77.31.12:30000", "decode http://10.77.31.13:30064"


def deploy(playbook, instances, *words):
    return playbook("deploy", "-e", json.dumps({"decode_instances": instances}), *words)


def test_an_instance_joins_without_a_restart_and_without_a_failure(routers, started, playbook):
    before = started()
    with clients(routers["pd"][0]) as seen:
        check = deploy(playbook, 2, "--check")
        play = deploy(playbook, 2)
    for shown in (check, play):
        assert re.search(r"^\+decode +http://10.77.31.13:30064", shown.output, re.MULTILINE), shown.diff()
    assert seen.failures == []
    assert seen.well > 0
    assert started() == before
    for router in routers["pd"]:
        assert router.has(*PREFILL, FIRST, SECOND), router.workers()


def test_a_router_that_is_restarted_later_has_it_too(hosts, routers):
    (router,) = [one for one in routers["pd"] if one.host == "node2"]
    argv = hosts.run(router.host, "systemctl", "show", "--property=ExecStart", router.unit)
    assert "http://10.77.31.13:30064" in argv


def test_an_instance_leaves_without_a_restart_and_without_a_failure(hosts, routers, started, playbook):
    before = started()
    with clients(routers["pd"][0]) as seen:
        play = deploy(playbook, 1)
    assert re.search(r"^-decode +http://10.77.31.13:30064", play.output, re.MULTILINE), play.diff()
    assert seen.failures == []
    assert seen.well > 0
    assert started() == before
    for router in routers["pd"]:
        assert router.has(*PREFILL, FIRST), router.workers()
    assert hosts.shell("node3", "systemctl list-units --all --no-legend --plain 'sglang-pd-decode*'") == ""
