# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routers, prefill and decode that have been deployed, and deploying them again."""

import re

from routers import metric

PREFILL = ("prefill http://10.77.31.11:30000 8998", "prefill http://10.77.31.11:30064 9062")
HARDENED = {
    "ActiveState": "active",
    "NRestarts": "0",
    "UnitFileState": "enabled",
    "User": "sglang-router",
    "Restart": "always",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
}


def test_every_router_answers(every_router):
    assert {f"{router.unit} on {router.host}": router.answers() for router in every_router} == {
        "sglang-router-pd on node2": True,
        "sglang-router-pd on node3": True,
        "sglang-router-plain on node3": True,
    }


def test_a_router_with_a_key_answers_nobody_without_it(routers):
    for router in routers["pd"]:
        assert router.ask(key="another key")[0] == 401


def test_every_router_has_exactly_the_planned_workers(routers):
    for router in routers["pd"]:
        assert router.workers() == dict.fromkeys((*PREFILL, "decode http://10.77.31.12:30000"), True)
    assert routers["plain"][0].workers() == {"regular http://10.77.31.13:30000": True}


def test_decode_receives_what_both_prefill_instances_computed(hosts, routers, instances):
    """Prefill counts what it has sent over the network, and decode generates from it."""
    prefill = [instances["pd-prefill-0@node1"], instances["pd-prefill-1@node1"]]
    names = ("kv_transfer_total_mb_sum", "kv_transfer_total_mb_count")
    before = [[metric(hosts, one, name) for name in names] for one in prefill]
    generated = metric(hosts, instances["pd-decode-0@node2"], "generation_tokens_total")
    answers = [
        routers["pd"][0].ask(f"A question that nobody has asked yet, number {number}", tokens=8) for number in range(8)
    ]
    assert [status for status, _text in answers] == [200] * 8
    for one, (megabytes, transfers) in zip(prefill, before, strict=True):
        assert metric(hosts, one, names[0]) > megabytes, one["instance"]
        assert metric(hosts, one, names[1]) >= transfers + 2, one["instance"]
    assert metric(hosts, instances["pd-decode-0@node2"], "generation_tokens_total") >= generated + 8 * 7


def test_both_ways_of_serving_give_the_same_answer(routers):
    answers = {
        routers[name][0].ask("Once upon a time", tokens=8)[1].split('"text":"')[1].split('"')[0]
        for name in ("pd", "plain")
    }
    assert len(answers) == 1, answers


def test_every_router_is_locked_in(every_router):
    for router in every_router:
        assert {name: router.shows(name) for name in HARDENED} == HARDENED, f"{router.unit} on {router.host}"
        status = router.hosts.run(router.host, "cat", f"/proc/{router.shows('MainPID')}/status")
        assert re.search(r"CapBnd:\t0+\n", status)
        assert "Seccomp:\t2" in status


def test_a_second_deploy_changes_nothing_and_restarts_nobody(hosts, started, playbook):
    before = started()
    for words in ([], ["--check"]):
        again = playbook("deploy", *words)
        assert again.count("changed") == dict.fromkeys(hosts.names, 0), again.diff()
    assert started() == before


def test_status_agrees(playbook):
    printed = playbook("status").output
    assert "router" in printed
