# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks between hosts: what they must reach, what they saw of each other, and what differs."""

from __future__ import annotations

from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._peers import connect
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import judge, peers
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks.finding import Finding

from tests.unit.plugins.plugin_utils._checks.hosts import (
    EPHEMERAL,
    failure,
    library,
    listener,
    node,
    plan,
    planned,
    saw,
    unit,
)


def between(results: dict[str, Any], nodes: dict[str, Any] | None = None) -> dict[str, list[Finding]]:
    """Return the findings by host."""
    return judge.check_peers(plan(), nodes or {}, results, 1)


def asked(whole: dict[str, Any], host: str) -> list[str]:
    """Return the hosts that a host must reach."""
    return [entry["host"] for entry in peers.asks(whole, host)]


def test_a_host_asks_the_peers_that_let_it_in_and_nobody_else() -> None:
    assert asked(plan(), "a") == ["b", "c"]
    facts = node(listeners=[listener(20001, unit="sglang-lm-0.service"), listener(20002, unit="vllm.service")])
    known = {"b": {"listening": {"ports": [20000, 30000, 40000], "token": "word"}, "node": facts}}
    (target,) = peers.targets(peers.asks(plan(), "a"), known, 1500)
    where = {"host": "b", "address": "10.0.0.2", "token": "word"}
    assert target == {**where, "ports": [20000, 40000], "serving": [20001], "mtu": 1500}
    assert peers.asked_ports(plan(), "a") == f"20000-20006,{EPHEMERAL}"
    assert peers.asked_ports(plan(1), "a") == ""


def test_a_router_asks_its_workers() -> None:
    rule = {"sources": "routers lm", "ports": "30000", "why": "lm-0: its routers"}
    whole = plan(1)
    whole["hosts"]["a"]["reach"] = [rule]
    whole["hosts"]["r"] = planned("10.0.0.8", reach=[])
    whole["peers"] = {"routers lm": ["10.0.0.8"]}
    entry = {"host": "a", "address": "10.0.0.1", "ports": "30000", "services": ["sglang-lm-0.service"]}
    assert peers.asks(whole, "r") == [entry]
    assert asked(whole, "a") == []


def test_of_all_hosts_of_a_model_each_asks_the_two_before_it() -> None:
    rule = {"sources": "model llama", "ports": "21500", "why": "llama: copies"}
    names = [f"h{number}" for number in range(20)]
    addresses = [f"10.0.1.{number}" for number in range(20)]
    hosts = {name: planned(address, units=[], reach=[rule]) for name, address in zip(names, addresses, strict=True)}
    whole = {**plan(), "hosts": hosts, "peers": {"model llama": addresses}}
    assert [asked(whole, name) for name in ("h0", "h1", "h2", "h19")] == [[], ["h0"], ["h0", "h1"], ["h17", "h18"]]
    assert peers.asked_ports(whole, "h0") == "21500"


def test_ports_that_are_closed_to_the_same_hosts_are_one_sentence() -> None:
    closed = [failure("b", port, connect.NO_ANSWER) for port in (20000, 20001)]
    (finding,) = between({"a": saw(failures=closed), "c": saw(failures=closed)})["b"]
    assert finding.area == "peers"
    assert finding.found == f"ports 20000-20001 of 10.0.0.2 are unreachable from a, c: {connect.NO_ANSWER}"
    assert finding.expected == "open for lm-0: between its ranks"


def test_an_address_that_two_hosts_have_is_no_firewall() -> None:
    (finding,) = between({"a": saw(failures=[failure("b", 20000, connect.OTHER_ANSWER, "c")])})["b"]
    assert finding.check == "identity"
    assert "ufw" not in finding.fix


def test_one_wrong_clock_does_not_accuse_its_peers() -> None:
    results = {"a": saw({"b": 0.0, "c": 30.0}), "b": saw({"a": 0.0, "c": 30.0}), "c": saw({"a": -30.0, "b": -30.0})}
    assert list(between(results)) == ["c"]
    slow = {"a": {**saw(), "clocks": {"b": {"ahead": 3.0, "took": 8.0}}}}
    assert between(slow) == {}, "an answer that took so long proves nothing"


def test_a_name_must_resolve_to_an_address_of_its_host() -> None:
    def known(address: str, **names: list[str]) -> dict[str, Any]:
        answers = {name: {"addresses": addresses, "seconds": 0.0, "error": None} for name, addresses in names.items()}
        return {"network": {"interfaces": [{"addresses": [f"{address}/24"]}], "names": answers}}

    good = {"a": known("10.0.0.1", b=["10.0.0.2"], a=["127.0.1.1"], z=["192.0.2.1"]), "b": known("10.0.0.2", a=[])}
    assert between({}, good) == {}
    (finding,) = between({}, {**good, "b": known("10.0.0.2", a=["127.0.0.1"])})["b"]
    assert (finding.area, finding.check) == ("address", "name")
    assert finding.found == "name a resolves to 127.0.0.1"


def test_the_few_that_differ_have_the_findings() -> None:
    nodes = {name: node() for name in "abc"}
    nodes["b"]["kernel"] |= {"sysctls": {"vm.swappiness": "1"}, "release": "6.8"}
    different, found = judge.compare(plan(), nodes, ["sysctl", "kernel", "mtu"])
    assert {(one.kind, one.name) for one in different} == {("kernel", "kernel"), ("sysctl", "vm.swappiness")}
    assert {finding.found: finding.severity for finding in found["b"]} == {
        "kernel 6.8": "warning",
        "vm.swappiness 1": "error",
    }
    assert list(found) == ["b"]
    assert judge.compare(plan(), nodes, ["mtu"]) == ([], {})


def runtime(digest: str, **packages: str) -> dict[str, Any]:
    """Return facts with a runtime."""
    return {"runtimes": [{"sglang": "0.5.23", "digest": digest, "packages": packages}]}


def test_different_packages_are_named_and_counted() -> None:
    many = {f"p{number}": "2" for number in range(20)}
    nodes = {"a": runtime("1", torch="2", **dict.fromkeys(many, "1")), "b": runtime("2", torch="2", **many)}
    (finding,) = judge.compare(plan(2), nodes, ["runtime"])[1]["b"]
    assert finding.found == "Python packages p0 2, p1 2, p10 2, p11 2, p12 2, p13 2 and 14 more"
    assert finding.expected.endswith("p13 1 and 14 more, as on a")


def test_hosts_without_a_runtime_are_not_compared() -> None:
    nodes = {"a": {"runtimes": []}, "b": runtime("2", torch="2"), "c": {}}
    assert judge.compare(plan(), nodes, ["runtime"]) == ([], {})
    nodes["c"] = {"runtimes": [{"sglang": None, "digest": "", "packages": {}}]}
    assert judge.compare(plan(), nodes, ["runtime"]) == ([], {})


def test_each_deployment_is_compared_with_its_own_release() -> None:
    canary = plan(2)
    for planned_host in canary["hosts"].values():
        planned_host["units"] = [unit(), {**unit(), "deployment": "new", "sglang_version": "0.5.24"}]
    canary["deployments"]["new"] = canary["deployments"]["lm"]
    old = runtime("1", torch="2.13.0")["runtimes"]

    def host(torch: str) -> dict[str, Any]:
        packages = {"torch": torch, "python": "3.12"}
        new = {"path": "/opt/sglang/0.5.24", "sglang": "0.5.24", "digest": torch, "packages": packages}
        return {"runtimes": [*old, new]}

    different, _findings = judge.compare(canary, {"a": host("2.14.1"), "b": host("2.14.1")}, ["runtime"])
    assert different == []
    different, findings = judge.compare(canary, {"a": host("2.14.1"), "b": host("2.14.0")}, ["runtime"])
    assert [one.deployment for one in different] == ["new"]
    assert [finding.found for finding in findings["b"]] == ["Python packages torch 2.14.0"]


def test_each_deployment_is_compared_with_the_nccl_of_its_own_release() -> None:
    canary = plan(2)
    for planned_host in canary["hosts"].values():
        planned_host["units"] = [unit(), {**unit(), "deployment": "new", "sglang_version": "0.5.24"}]
    canary["deployments"]["new"] = canary["deployments"]["lm"]

    def host(version: str) -> dict[str, Any]:
        paths = {"0.5.23": "/opt/sglang/0.5.23", "0.5.24": "/opt/sglang/0.5.24"}
        runtimes = [{"path": path, "sglang": name, "digest": "1"} for name, path in paths.items()]
        libraries = [library("2.28.9", runtime=paths["0.5.23"]), library(version, runtime=paths["0.5.24"])]
        return {"runtimes": runtimes, "nccl": libraries}

    nodes = {"a": host("2.30.7"), "b": host("2.29.3")}
    different, findings = judge.compare(canary, nodes, ["nccl"])
    assert [(one.deployment, one.usual) for one in different] == [("new", "2.30.7")]
    assert list(findings) == ["b"]
