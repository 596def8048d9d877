# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routers: their commands, workers and rules, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import select
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.reach import expand
from ansible_collections.multinode.sglang.plugins.plugin_utils._report.plan import render_text
from hypothesis import given
from hypothesis import strategies as st

from .conftest import inventory, plan, typed


def routed(server: dict[str, Any] | None = None, **router: Any) -> dict[str, Any]:
    """Return a deployment of one server on each of the last two hosts with a router on the first."""
    body = {"hosts": ["node0"], "cb-failure-threshold": 3, **router}
    return {"llama": {"model": "/m", "server": {"hosts": "second", "tp_size": 8, **(server or {})}, "router": body}}


def router(planned: dict[str, Any], host: str = "node0") -> dict[str, Any]:
    """Return the only router of a host."""
    (one,) = planned["hosts"][host]["routers"]
    return dict(one)


def test_the_command_of_a_router_over_servers() -> None:
    one = router(plan(routed(policy="round_robin", **{"cb-failure-threshold": 3, "request_timeout_secs": 600})))
    assert one["argv"] == [
        "-m",
        "sglang_router.launch_router",
        *("--host", "0.0.0.0", "--port", "8000", "--prometheus-port", "29000"),
        *("--cb-failure-threshold", "3", "--policy", "round_robin", "--request-timeout-secs", "600"),
        *("--worker-urls", "http://10.0.0.12:30000", "http://10.0.0.13:30000"),
    ]
    assert (one["name"], one["url"], one["package"]) == (
        "sglang-router-llama",
        "http://10.0.0.10:8000",
        "sglang-router",
    )
    assert one["workers"][1] == {
        "instance": "llama-0@node3",
        "worker_type": "regular",
        "scheme": "http",
        "address": "10.0.0.13",
        "port": 30000,
        "bootstrap_port": 0,
        "url": "http://10.0.0.13:30000",
    }


def test_the_successor_has_the_same_command_under_its_own_name() -> None:
    old, new = (
        router(plan(routed(), router_package=name, router_version=version))
        for name, version in (("sglang-router", "0.3.2"), ("smg", "1.13.0"))
    )
    assert new["argv"][1] == "smg.launch_router"
    assert new["argv"][2:] == old["argv"][2:]
    assert new["digest"] != old["digest"]


def test_only_an_option_of_its_own_restarts_a_router() -> None:
    digests = [
        router(plan(raw))["digest"]
        for raw in (
            routed(),
            routed(server={"instances": 1}),
            routed(server={"server_args": {"mem-fraction-static": 0.8}}),
            routed(policy="random"),
        )
    ]
    assert digests[0] == digests[1] == digests[2] != digests[3]


def test_the_scheme_of_servers_and_routers() -> None:
    tls = {"tls-cert-path": "/etc/ssl/r.crt", "tls-key-path": "/etc/ssl/r.key"}
    one = router(plan(routed(server={"server_args": {"ssl-certfile": "/c", "ssl-keyfile": "/k"}}, **tls)))
    assert one["url"] == "https://10.0.0.10:8000"
    assert one["workers"][0]["url"] == "https://10.0.0.12:30000"


def test_an_address_of_its_own() -> None:
    assert router(plan(routed(host="10.0.0.10", port=8443)))["url"] == "http://10.0.0.10:8443"


def test_a_port_that_only_root_may_open() -> None:
    one = router(plan(routed(port=443, **{"tls-cert-path": "/c.pem", "tls-key-path": "/k.pem"})))
    assert (one["url"], one["ports"]["router"]) == ("https://10.0.0.10:443", "443")


def test_routers_of_a_deployment_have_one_port_on_all_hosts() -> None:
    small = {"model": "/m", "server": {"hosts": ["node0"], "tp_size": 4}, "router": {"hosts": ["node1"]}}
    large = {"model": "/m", "server": {"hosts": ["node2"], "tp_size": 4}, "router": {"hosts": ["node0", "node1"]}}
    third = {"model": "/m", "server": {"hosts": ["node3"], "tp_size": 4}, "router": {"hosts": ["node0"]}}
    planned = plan({"small": small, "large": large, "third": third})
    ports = {name: [one["port"] for one in entry["routers"]] for name, entry in planned["deployments"].items()}
    assert ports == {"small": [8000], "large": [8064, 8064], "third": [8000]}


@pytest.mark.parametrize("package", [("sglang-router", "0.3.2"), ("smg", "1.13.0")])
def test_where_addresses_are_ipv6_everything_listens_on_ipv6(package: tuple[str, str]) -> None:
    where = inventory(**{f"node{number}": {"sglang_cluster_address": f"fd00::{number + 1}"} for number in range(4)})
    planned = plan(routed(), where, router_package=package[0], router_version=package[1])
    words = router(planned)["argv"]
    assert words[words.index("--host") + 1] == "[::]"
    assert words[words.index("--prometheus-host") + 1] == "::"
    assert router(planned)["url"] == "http://[fd00::1]:8000"
    server = planned["hosts"]["node2"]["units"][0]["argv"]
    assert server[server.index("--host") + 1] == "::"
    own = router(plan(routed(**{"prometheus-host": "127.0.0.1"}), where))["argv"]
    assert own.count("--prometheus-host") == 1


def test_ipv6_urls() -> None:
    six = inventory(4, node2={"ansible_host": "fd00::12"})
    assert router(plan(routed(), six))["workers"][0]["url"] == "http://[fd00::12]:30000"


def test_several_routers_have_the_same_workers() -> None:
    planned = plan(routed(hosts="first"))
    assert router(planned, "node0")["argv"] == router(planned, "node1")["argv"]
    assert [one["host"] for one in planned["deployments"]["llama"]["routers"]] == ["node0", "node1"]


def test_routers_of_two_deployments_on_one_host_and_beside_a_server() -> None:
    both = {
        name: {"model": "/m", "server": {"hosts": "nodes", "tp_size": 4, "instances_per_host": 1}}
        for name in ("a", "b")
    }
    for body in both.values():
        body["router"] = {"hosts": "nodes", "cb-failure-threshold": 3}
    ports = [one["ports"] for one in plan(both)["hosts"]["node0"]["routers"]]
    assert ports == [{"router": "8000", "prometheus": "29000"}, {"router": "8064", "prometheus": "29064"}]


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_a_router_never_clashes_with_servers_on_its_host(routers: int, deployments: int, instances: int) -> None:
    raw = {
        f"d{number}": {
            "model": "/m",
            "server": {"hosts": "nodes", "instances": instances},
            "router": {"hosts": [f"node{host}" for host in range(routers)], "cb-failure-threshold": 3},
        }
        for number in range(deployments)
    }
    for entry in plan(raw, inventory(4, gpus=32))["hosts"].values():
        ports = [port for unit in (*entry["units"], *entry["routers"]) for port in unit["ports"].values()]
        assert len(ports) == len(set(ports))


def test_servers_behind_a_router_take_requests_from_it_alone() -> None:
    planned = plan(routed(hosts="first"))
    sources = {str(rule["sources"]): rule["ports"] for rule in expand(planned, "node2")}
    assert sources == {"['10.0.0.10', '10.0.0.11']": "30000", "scrapers": "30000"}
    assert [(rule["sources"], rule["ports"]) for rule in expand(planned, "node0")] == [
        ("clients", "8000"),
        ("scrapers", "29000"),
    ]


def test_a_port_that_an_option_opens_is_planned() -> None:
    planned = plan(
        routed(**{"mesh-port": 39000 - 8000, "hosts": "first"}), router_package="smg", router_version="1.13.0"
    )
    assert "31000" in planned["hosts"]["node0"]["reserved_ports"]
    assert ["10.0.0.10", "10.0.0.11"] in [rule["sources"] for rule in expand(planned, "node0")]


def test_the_printed_plan_shows_routers() -> None:
    text = render_text(typed(routed()))
    assert "router on node0: http://10.0.0.10:8000, Prometheus 29000" in text
    assert "python -m sglang_router.launch_router --host 0.0.0.0" in text


def test_routers_of_other_deployments_are_kept_but_not_acted_on() -> None:
    raw = {
        **routed(),
        "other": {
            "model": "/m",
            "server": {"hosts": "first", "tp_size": 8},
            "router": {"hosts": ["node0"], "cb-failure-threshold": 3},
        },
    }
    entry = select(typed(raw), ["other"]).hosts["node0"]
    assert [one.deployment for one in entry.routers] == ["other"]
    assert entry.left_out_routers == ("sglang-router-llama",)


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ({"cb-failure-threshold": 4}, False),
        ({"cb_failure_threshold": 5}, True),
        ({"cb-failure-threshold": 5, "retry-max-retries": 6}, False),
        ({"cb-failure-threshold": 9, "disable-circuit-breaker": True}, False),
        ({"cb-failure-threshold": 9, "disable-retries": True}, False),
    ],
)
def test_a_circuit_breaker_that_opens_too_late_is_warned_about(options: dict[str, Any], warned: bool) -> None:
    raw = routed()
    raw["llama"]["router"] = {"hosts": ["node0"], **options}
    assert bool(plan(raw)["warnings"]) == warned


def test_the_breaker_opens_in_time_where_the_user_says_nothing() -> None:
    raw = routed()
    del raw["llama"]["router"]["cb-failure-threshold"]
    planned = plan(raw)
    assert planned["warnings"] == []
    assert " --cb-failure-threshold 4 " in " ".join(router(planned)["argv"])
    raw["llama"]["router"]["retry-max-retries"] = 3
    assert " --cb-failure-threshold 2 " in " ".join(router(plan(raw))["argv"])
    raw["llama"]["router"]["retry-max-retries"] = 1
    assert "--cb-failure-threshold" not in router(plan(raw))["argv"]


def test_another_instance_restarts_no_router_that_the_user_left_as_it_is() -> None:
    digests = set()
    for instances in (1, 2):
        raw = routed(server={"instances": instances})
        del raw["llama"]["router"]["cb-failure-threshold"]
        digests.add(router(plan(raw))["digest"])
    assert len(digests) == 1


def test_a_router_on_loopback_is_open_to_scrapers_alone() -> None:
    planned = plan(routed(host="127.0.0.1"))
    assert router(planned)["url"] == "http://127.0.0.1:8000"
    assert [rule["sources"] for rule in expand(planned, "node0")] == ["scrapers"]


def test_an_option_of_another_release_is_passed_on_with_a_warning() -> None:
    planned = plan(routed(**{"new-thing": 3}), router_version="0.4.0")
    assert router(planned)["argv"][router(planned)["argv"].index("--new-thing") :][:2] == ["--new-thing", "3"]
    assert "passed on as written, because sglang_router_version is 0.4.0" in planned["warnings"][0]
