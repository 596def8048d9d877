# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging hosts: alone, beside each other, and by what they saw of each other."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import host, names, peers, same
from ansible_collections.multinode.sglang.plugins.plugin_utils._report import preflight

WANTED = host.Wanted(gpus=True, room={"/data": 100}, resolver_seconds=2, clock_seconds=1)
EPHEMERAL = "32768-60999"


def planned(address: str = "10.0.0.1", **more: Any) -> dict[str, Any]:
    """An entry of the plan's hosts."""
    return {
        "address": address,
        "units": [{"argv": ["-m", "sglang.launch_server"], "gpus": [0, 1]}],
        "unit_names": ["sglang-lm-0"],
        "router_names": [],
        "reserved_ports": "20000-20006,30000",
        "reach": [
            {"sources": "clients", "ports": "30000", "protocol": "tcp", "why": "lm-0: the API"},
            {"sources": ["10.0.0.1", "10.0.0.2", "10.0.0.3"], "ports": f"20000-20006,{EPHEMERAL}", "protocol": "tcp",
             "why": "lm-0: between its ranks; more"},
        ],
        **more,
    }  # fmt: skip


def gpu(index: int | None, **more: Any) -> dict[str, Any]:
    """A GPU."""
    return {
        "index": index,
        "uuid": f"GPU-{index}",
        "pci": f"0000:{index or 9}",
        "lost": False,
        "name": "NVIDIA H100 80GB HBM3",
        **more,
    }


def node(**sections: Any) -> dict[str, Any]:
    """A host that is right."""
    found: dict[str, Any] = {
        "problems": [],
        "gpu": {"gpus": [gpu(0), gpu(1)], "processes": []},
        "listeners": [],
        "kernel": {"ports": {"ephemeral": EPHEMERAL, "reserved": ""}, "machine": "x86_64", "sysctls": {"vm.swappiness": "60"}},
        "network": {"cluster": {"address": "10.0.0.1", "interface": "eth0", "mtu": 9000, "for_containers": False},
                    "resolver": {"seconds": 0.1, "answered": True}},
        "disks": [{"path": "/data", "mount": "/data", "device": "/dev/sda1", "free_mib": 200 * 1024}],
        "clock": {"source": "chrony", "synchronized": True, "offset_seconds": 0.001},
    }  # fmt: skip
    return {**found, **sections}


def checks(seen: dict[str, Any], plan: dict[str, Any] | None = None, ours: int | None = None) -> list[str]:
    """What is wrong, as area.check."""
    return [
        f"{area}.{finding.check}" for area, finding in host.findings(seen, plan or planned(), EPHEMERAL, WANTED, ours)
    ]


def listener(port: int, **more: Any) -> dict[str, Any]:
    """Somebody who listens."""
    return {"address": "0.0.0.0", "port": port, "pid": 7, "command": "python3", "user": "bob", "unit": None, **more}


def process(unit: str | None) -> dict[str, Any]:
    """A process on the first GPU."""
    return {
        "gpu": "GPU-0",
        "pid": 9,
        "name": "python",
        "memory_mib": 70000,
        "command": "train.py",
        "user": "bob",
        "unit": unit,
    }


def test_a_host_that_is_right() -> None:
    assert checks(node()) == []


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"gpu": {"gpus": [gpu(0)], "processes": []}}, ["gpus.count"]),
        ({"gpu": {"gpus": [gpu(0), gpu(1, lost=True)], "processes": []}}, ["gpus.count"]),
        ({"gpu": {"gpus": [gpu(0), gpu(1)], "processes": [process("train.service")]}}, ["gpus.busy"]),
        ({"gpu": {"gpus": [gpu(0), gpu(1)], "processes": [process("sglang-lm-0.service")]}}, []),
        ({"gpu": {"gpus": [gpu(0, mig=True), gpu(1)], "processes": []}}, ["gpus.mig"]),
        ({"gpu": {"gpus": [gpu(0, fabric={"state": "In Progress", "status": "N/A"}), gpu(1)], "processes": []}}, ["gpus.fabric"]),
        ({"gpu": {"gpus": [gpu(0, ecc_errors=3), gpu(1)], "processes": []}}, ["gpus.ecc"]),
        ({"listeners": [listener(30000)]}, ["ports.taken"]),
        ({"listeners": [listener(20000), listener(20001)]}, ["ports.taken"]),
        ({"listeners": [listener(30000, unit="sglang-lm-0.service")]}, []),
        ({"listeners": [listener(22)]}, []),
        ({"disks": [{"path": "/data", "mount": "/", "device": "/dev/sda1", "free_mib": 1024}]}, ["room.room"]),
        ({"disks": [{"path": "/data", "mount": "/", "device": "/dev/sda1", "free_mib": None}]}, []),
        ({"clock": {"source": "chrony", "synchronized": True, "offset_seconds": -4.0}}, ["clock.offset"]),
        ({"clock": {"source": None, "synchronized": False, "offset_seconds": None}}, ["clock.unkept"]),
        ({"problems": ["gpu: nvidia-smi did not answer"]}, ["look.unseen"]),
    ],
)  # fmt: skip
def test_each_thing_that_is_wrong(sections: dict[str, Any], expected: list[str]) -> None:
    assert checks(node(**sections)) == expected


def test_network_and_kernel() -> None:
    network = node()["network"]
    assert checks(node(network={**network, "cluster": {**network["cluster"], "interface": None}})) == ["names.address"]
    assert checks(node(network={**network, "cluster": {**network["cluster"], "for_containers": True}})) == [
        "names.address"
    ]
    assert checks(node(network={**network, "resolver": {"seconds": 5.0, "answered": False}})) == ["names.resolver"]
    kernel = node()["kernel"]
    assert checks(node(kernel={**kernel, "ports": {"ephemeral": "1024-65535", "reserved": "20000-20006,30000"}})) == [
        "ports.range"
    ]
    assert checks(node(kernel={**kernel, "ports": {"ephemeral": "1024-65535", "reserved": ""}})) == [
        "ports.range",
        "ports.reserved",
    ]


def test_listeners_of_this_run_are_ours() -> None:
    assert checks(node(listeners=[listener(30000)]), ours=7) == []


def test_a_login_is_never_stopped_to_free_a_port() -> None:
    assert host.ending(listener(1, unit="ssh.service")) == "end it (sudo kill 7)"
    assert host.ending(listener(1, unit="vllm.service")) == "stop it (sudo systemctl stop vllm.service)"


def test_hosts_for_another_device_need_no_gpus() -> None:
    cpu = planned(units=[{"argv": ["--device", "cpu"], "gpus": [0, 1]}])
    assert checks(node(gpu={"gpus": [], "processes": []}), cpu) == []


def plan(count: int = 3) -> dict[str, Any]:
    """A plan of one instance on hosts a, b and c."""
    hosts = {name: planned(f"10.0.0.{number}") for number, name in enumerate("abc"[:count], 1)}
    ranks = [{"host": name, "address": entry["address"]} for name, entry in hosts.items()]
    other = {"instances": [{"ranks": [{"host": "z", "address": "10.0.0.9"}]}], "routers": []}
    return {"deployments": {"lm": {"instances": [{"ranks": ranks}], "routers": []}, "other": other}, "hosts": hosts,
            "ephemeral_ports": EPHEMERAL}  # fmt: skip


def saw(
    ahead: dict[str, float] | None = None, failures: list[dict[str, Any]] | None = None, narrow: Any = None
) -> dict[str, Any]:
    """What a host saw of its peers."""
    clocks = {name: {"ahead": value, "took": 0.002} for name, value in (ahead or {}).items()}
    return {"reached": 5, "failures": failures or [], "clocks": clocks, "narrow": narrow or {}}


def test_a_host_asks_the_peers_that_let_it_in_and_nobody_else() -> None:
    asked = peers.asks(plan())
    assert set(asked) == {"a", "b", "c"}
    assert [entry["host"] for entry in asked["a"]] == ["b", "c"]
    seen = node(listeners=[listener(20001, unit="sglang-lm-0.service"), listener(20002, unit="vllm.service")])
    found = peers.targets(asked["a"], {"b": {"ports": [20000, 30000, 40000], "node": seen}}, 1500)
    assert found == [{"host": "b", "address": "10.0.0.2", "ports": [20000, 40000], "serving": [20001], "mtu": 1500}]
    assert peers.asked_ports(plan()["hosts"]["a"]) == f"20000-20006,{EPHEMERAL}"
    assert peers.asked_ports(planned(reach=planned()["reach"][:1])) == ""


def test_a_router_asks_its_workers() -> None:
    alone = plan(1)
    alone["hosts"]["a"]["reach"] = [
        {"sources": ["10.0.0.8"], "ports": "30000", "protocol": "tcp", "why": "lm-0: its routers"}
    ]
    alone["hosts"]["r"] = planned("10.0.0.8", reach=[])
    assert peers.asks(alone) == {
        "r": [{"host": "a", "address": "10.0.0.1", "ports": "30000", "services": ["sglang-lm-0.service"]}]
    }


def test_ports_that_are_closed_to_the_same_hosts_are_one_sentence() -> None:
    closed = [
        {"host": "b", "address": "10.0.0.2", "port": port, "reason": "no answer, as behind a firewall"}
        for port in (20000, 20001)
    ]
    found = peers.findings(plan(), {"a": saw(failures=closed), "c": saw(failures=closed)}, 1)
    ((area, finding),) = found["b"]
    assert area == "peers"
    assert finding.seen == "a, c cannot connect to its port 20000-20001 at 10.0.0.2 (no answer, as behind a firewall)"
    assert finding.needed == "a connection for lm-0: between its ranks"


def test_an_address_that_two_hosts_have_is_no_firewall() -> None:
    failure = {"host": "b", "address": "10.0.0.2", "port": 20000, "reason": "c answers at this address"}
    ((_area, finding),) = peers.findings(plan(), {"a": saw(failures=[failure])}, 1)["b"]
    assert finding.check == "identity"
    assert "ufw" not in finding.remedy


def test_one_wrong_clock_does_not_make_its_peers_wrong() -> None:
    results = {"a": saw({"b": 0.0, "c": 30.0}), "b": saw({"a": 0.0, "c": 30.0}), "c": saw({"a": -30.0, "b": -30.0})}
    assert list(peers.findings(plan(), results, 1)) == ["c"]
    slow = {"a": {**saw(), "clocks": {"b": {"ahead": 3.0, "took": 8.0}}}}
    assert peers.findings(plan(), slow, 1) == {}, "an answer that took that long says nothing"


def test_what_differs_is_a_fault_of_the_few() -> None:
    nodes = {name: node() for name in "abc"}
    nodes["b"]["kernel"] = {**nodes["b"]["kernel"], "sysctls": {"vm.swappiness": "1"}, "release": "6.8"}
    nodes["a"]["kernel"] = {**nodes["a"]["kernel"], "release": "6.9"}
    found = same.differences(plan(), nodes, ["sysctl", "kernel", "mtu"])
    assert [(difference.kind, difference.name) for difference in found] == [
        ("kernel", "kernel"),
        ("sysctl", "vm.swappiness"),
    ]
    wrong = same.findings(found, nodes)
    assert [finding.seen for _area, finding in wrong["b"] if finding.grave] == ["vm.swappiness is 1"]
    assert [finding.grave for _area, finding in wrong["b"]] == [False, True]
    assert same.differences(plan(), nodes, ["mtu"]) == []


def test_the_table_marks_what_is_wrong_and_counts_it() -> None:
    wrong = preflight.tell("a", host.findings(node(listeners=[listener(30000)]), planned(), EPHEMERAL, WANTED))
    hosts = [
        preflight.Host("a", node(), saw(), wrong),
        preflight.Host("b", node(), None, []),
        preflight.Host("c", None, None, []),
    ]
    tables, sentences, told = preflight.render(hosts, [])
    lines = tables.splitlines()
    assert "ok !" in lines[1]
    assert lines[1].endswith("1 wrong")
    assert lines[2].endswith("right")
    assert lines[3].endswith("no answer")
    assert [sentence.split(",")[0] for sentence in sentences] == [
        "a: port 30000 is in use by process 7 (python3) of bob"
    ]
    assert told == []


def test_a_name_must_mean_an_address_that_its_host_has() -> None:
    def known(address: str, **told: list[str]) -> dict[str, Any]:
        answers = {name: {"addresses": addresses, "seconds": 0.0, "error": None} for name, addresses in told.items()}
        return {"network": {"interfaces": [{"addresses": [f"{address}/24"]}], "names": answers}}

    right = {"a": known("10.0.0.1", b=["10.0.0.2"], a=["127.0.1.1"], z=["192.0.2.1"]), "b": known("10.0.0.2", a=[])}
    assert names.findings(right) == {}
    ((area, finding),) = names.findings({**right, "b": known("10.0.0.2", a=["127.0.0.1"])})["b"]
    assert (area, finding.check) == ("names", "name")
    assert finding.seen == "it takes the name a for 127.0.0.1, which a does not have"
