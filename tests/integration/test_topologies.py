# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real SGLang in every topology: the right answer, and no open port that the plan does not name."""

from __future__ import annotations

import re
import time
from pathlib import Path

from tests.checks.common import CONTROLLERS, REPO, build, install, run
from tests.lab import Lab
from tests.lab.ask import chat

from .conftest import INVENTORY, IPV6, Topology, deployed
from .ports import open_ports, unplanned


def check_ports(topology: Topology) -> None:
    """Compare what the units really listen on with the plan, on every host."""
    for host, entry in topology.plan["hosts"].items():
        for unit in (*entry["units"], *entry["routers"]):
            ports = open_ports(topology, host, unit["name"])
            assert ports, f"{unit['name']} listens on nothing on {host}"
            assert not unplanned(topology.plan, unit, ports), f"{unit['name']} on {host}"


def check_installed_collection(topology: Topology, folder: Path) -> None:
    """Deploy again from the built and installed collection, under every ansible-core: nothing changes."""
    started = topology.run("node1", "systemctl", "show", "-P", "ActiveEnterTimestamp", "sglang-pair-0", "sglang-pair-1")
    # a path below the folder would be too long for a socket
    env = {**install(build(folder), folder), "ANSIBLE_SSH_CONTROL_PATH_DIR": str(REPO / ".lab/cp")}
    for controller in CONTROLLERS:
        words = [
            REPO / controller / "bin/ansible-playbook",
            "multinode.sglang.deploy",
            "-i",
            INVENTORY,
            *topology.words,
        ]
        printed = run(words, folder, **env)
        assert re.search(r"node1 .*changed=0 .*failed=0", printed), printed
    assert (
        topology.run("node1", "systemctl", "show", "-P", "ActiveEnterTimestamp", "sglang-pair-0", "sglang-pair-1")
        == started
    )


def test_tensor_parallel_over_three_hosts(lab: Lab) -> None:
    with deployed("tensor_parallel", lab) as topology:
        assert "Paris" in chat(topology.urls[0], "default")
        check_ports(topology)


def test_pipeline_parallel_over_two_hosts(lab: Lab) -> None:
    with deployed("pipeline_parallel", lab) as topology:
        assert "Paris" in chat(topology.urls[0], "default")
        check_ports(topology)


def test_expert_parallel_gives_the_tokens_of_one_host(lab: Lab) -> None:
    with deployed("expert_parallel", lab) as topology:
        experts, reference = (topology.tokens(url) for url in topology.urls)
        assert experts == reference
        assert len(set(experts)) > 1
        check_ports(topology)


def test_two_instances_on_one_host(lab: Lab, tmp_path: Path) -> None:
    with deployed("two_on_one_host", lab) as topology:
        first, second = topology.urls
        assert (first, second) == ("http://10.77.20.11:30000", "http://10.77.20.11:30064")
        assert topology.tokens(first) == topology.tokens(second)
        check_ports(topology)
        check_installed_collection(topology, tmp_path)


def test_prefill_over_two_hosts_gives_the_tokens_of_decode_behind_smg(lab: Lab) -> None:
    with deployed("prefill_decode", lab) as topology:
        (router,) = topology.plan["deployments"]["pd"]["routers"]
        answers = [topology.tokens(router["url"]) for _again in range(2)]
        assert answers[0] == answers[1]
        assert len(set(answers[0])) > 1
        check_ports(topology)
        assert "smg" in topology.run("node3", "systemctl", "cat", router["name"])


def test_attention_dp_opens_the_planned_ports(lab: Lab) -> None:
    with deployed("attention_dp", lab, "-e", "sglang_server_verify=false") as topology:
        leader = next(unit for unit in topology.plan["hosts"]["node2"]["units"])
        deadline = time.monotonic() + 240
        while leader["api_port"] not in open_ports(topology, "node2", leader["name"]):
            assert time.monotonic() < deadline, topology.run("node2", "journalctl", "-u", leader["name"], "-n", "50")
            time.sleep(5)
        check_ports(topology)
        derived = open_ports(topology, "node2", leader["name"]) & set(range(20000, 20064))
        assert {20000, 20001, 20002} <= derived


def test_one_instance_over_two_hosts_and_prefill_with_decode_over_ipv6_alone(lab_ipv6: Lab) -> None:
    with deployed("ipv6", lab_ipv6, inventory=IPV6) as topology:
        assert topology.run("node1", "ip", "-4", "-o", "addr", "show", "scope", "global") == ""
        assert all("//[fd77:20::" in url for url in topology.urls)
        pair = topology.plan["deployments"]["pair"]["instances"][0]["url"]
        (router,) = topology.plan["deployments"]["pd"]["routers"]
        assert topology.tokens(pair) == topology.tokens(router["url"])
        check_ports(topology)
