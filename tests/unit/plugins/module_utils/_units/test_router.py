# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a router's files, and what its digest is made of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._units import router as router_unit
from ansible_collections.multinode.sglang.plugins.module_utils._units.router import Router, Settings
from hypothesis import given
from hypothesis import strategies as st

SETTINGS = Settings(
    user="sglang-router",
    group="sglang-router",
    config_dir="/etc/sglang",
    interpreter="/opt/sglang-router/current/bin/python",
    lib_dir="/usr/local/lib/sglang-router",
    runtime="abc",
    stop_timeout=200,
)
OWN = ["-m", "sglang_router.launch_router", "--host", "0.0.0.0", "--port", "8000", "--prefill-policy", "random"]
WORKERS = ["--prefill", "http://10.0.0.1:30000", "8998", "--decode", "http://10.0.0.2:30000"]


def plan_router(argv: list[str] | None = None, **changes: Any) -> dict[str, Any]:
    """Return a router as the plan gives it."""
    router: dict[str, Any] = {
        "name": "sglang-router-llama",
        "deployment": "llama",
        "host": "router1",
        "address": "10.0.0.9",
        "port": 8000,
        "url": "http://10.0.0.9:8000",
        "ports": {"router": "8000", "prometheus": "29000"},
        "package": "sglang-router",
        "argv": argv or [*OWN, "--pd-disaggregation", *WORKERS],
        "workers": [],
        "digest": "plan",
    }
    return {**router, **changes}


ROUTER = Router.from_plan(plan_router())


def text(router: Router = ROUTER, with_secrets: bool = False, **options: Any) -> str:
    """Return the unit file."""
    return router_unit.unit_text(router, replace(SETTINGS, options=tuple(options.items())), with_secrets)


def test_the_unit_reads_like_the_documented_command() -> None:
    launcher = "/opt/sglang-router/current/bin/python -I /usr/local/lib/sglang-router/router.py"
    assert f"""ExecStart={launcher} run sglang_router.launch_router \\
    --host 0.0.0.0 \\
    --port 8000 \\
    --prefill-policy random \\
    --pd-disaggregation \\
    --prefill http://10.0.0.1:30000 8998 \\
    --decode http://10.0.0.2:30000
ExecStartPost=-{launcher} wait http://10.0.0.9:8000 20
""" in text()


@pytest.mark.parametrize(
    "line",
    [
        "User=sglang-router",
        "RuntimeDirectory=sglang/sglang-router-llama",
        "EnvironmentFile=/etc/sglang/sglang-router-llama/environment",
        "ExecStartPre=+/usr/bin/python3 -I /usr/local/lib/sglang-router/prestart.py ports prometheus=29000 router=8000",
        "TimeoutStopSec=200",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "NoNewPrivileges=yes",
        "SystemCallFilter=~@privileged @resources",
        "Restart=always",
    ],
)
def test_a_line_of_the_unit(line: str) -> None:
    assert line in text().splitlines()


def test_the_first_line_is_not_that_of_a_server() -> None:
    assert text().splitlines()[0] == "# Managed by multinode.sglang: router"


def test_only_a_router_with_secrets_is_given_some() -> None:
    assert "LoadCredential" not in text()
    with_secrets = text(with_secrets=True)
    assert "LoadCredential=secrets.json:/etc/sglang/sglang-router-llama/secrets.json\n" in with_secrets
    assert "router.py run-with-secrets sglang_router.launch_router" in with_secrets


def test_a_port_for_root_comes_with_the_right_to_it() -> None:
    privileged = Router.from_plan(plan_router(ports={"router": "443"}))
    assert "CapabilityBoundingSet=CAP_NET_BIND_SERVICE" in text(privileged).splitlines()
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in text(privileged).splitlines()


def test_plug_ins_may_be_compiled_where_there_are_some() -> None:
    assert "MemoryDenyWriteExecute=yes" in text()
    assert "MemoryDenyWriteExecute" not in text(Router.from_plan(plan_router([*OWN, "--enable-wasm", *WORKERS])))


def test_directives_can_be_added_replaced_and_left_out_but_not_owned_ones() -> None:
    changed = text(
        OOMScoreAdjust=-500, Restart="no", ProtectHome=None, LoadCredential=["tls.key:/etc/ssl/k"], PrivateTmp=False
    )
    assert {"OOMScoreAdjust=-500", "Restart=no", "LoadCredential=tls.key:/etc/ssl/k", "PrivateTmp=no"} <= set(
        changed.splitlines()
    )
    assert "ProtectHome" not in changed
    with pytest.raises(ValueError, match=r"service_options\.User: the collection sets User itself"):
        text(User="root")


def digest(router: Router = ROUTER, settings: Settings = SETTINGS, secrets: str = "") -> str:
    """Return the digest of a router."""
    return router_unit.digest(router, settings, secrets)


@given(st.lists(st.integers(1, 250), max_size=5), st.booleans())
def test_other_workers_change_the_unit_but_not_the_digest(hosts: list[int], regular: bool) -> None:
    words = [word for host in hosts for word in ("--prefill", f"http://10.0.1.{host}:30000", "8998")]
    own = [*OWN, *([] if regular else ["--pd-disaggregation"])]
    workers = ["--worker-urls", *(f"http://10.0.1.{host}:30000" for host in hosts)] if regular else words
    first = Router.from_plan(plan_router([*own, *(["--worker-urls", "http://x"] if regular else WORKERS)]))
    other = Router.from_plan(plan_router([*own, *workers]))
    assert text(other) != text(first)
    assert digest(other) == digest(first)


def test_everything_else_changes_the_digest() -> None:
    digests = [
        digest(),
        digest(replace(ROUTER, digest="other")),
        digest(Router.from_plan(plan_router([*OWN, "--log-level", "warn", "--pd-disaggregation", *WORKERS]))),
        digest(Router.from_plan(plan_router([*OWN, *WORKERS]))),
        digest(settings=replace(SETTINGS, runtime="other")),
        digest(settings=replace(SETTINGS, stop_timeout=10)),
        digest(settings=replace(SETTINGS, options=(("Nice", 5),))),
        digest(secrets='["--api-key", "a"]\n'),
        digest(secrets='["--api-key", "b"]\n'),
    ]
    assert len(set(digests)) == len(digests)


def test_secrets_become_words() -> None:
    secrets = {
        "redis-url": "redis://h",
        "api-key": "K",
        "control-plane-api-keys": ["a:n m:admin:1", "b:n:user:2"],
        "oracle-password": "",
    }
    words = ["--api-key", "K", "--control-plane-api-keys", "a:n m:admin:1", "b:n:user:2", "--redis-url", "redis://h"]
    assert json.loads(router_unit.secrets_text(secrets)) == words
    assert router_unit.secrets_text({"api-key": None, "control-plane-api-keys": []}) == ""


@pytest.mark.parametrize(
    "secrets", [{"--api-key": "x"}, {"api_key": "x"}, {"api-key": "-x"}, {"api-key": "x "}, {"api-key": ["a", "b\nc"]}]
)
def test_secrets_that_would_become_something_else_are_refused(secrets: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="secrets: "):
        router_unit.secrets_text(secrets)


@pytest.mark.parametrize("changes", [{"name": "../x"}, {"argv": ["sglang_router"]}, {"ports": None}])
def test_what_is_no_router_of_the_plan_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="routers: "):
        Router.from_plan(plan_router(**changes))
