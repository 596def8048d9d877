# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of a router: its text, its digest, and its files on a host."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import to_dict
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Option, RouterUnit, Worker
from ansible_collections.multinode.sglang.plugins.module_utils._plan.words import router_argv
from ansible_collections.multinode.sglang.plugins.module_utils._units import router as router_unit
from ansible_collections.multinode.sglang.plugins.module_utils._units.apply import Changes, UnitsError
from ansible_collections.multinode.sglang.plugins.module_utils._units.settings import Settings
from hypothesis import given
from hypothesis import strategies as st

from ...planned import ROUTER, router, worker

SETTINGS = Settings(
    user="sglang-router",
    group="sglang-router",
    interpreter="/opt/sglang-router/current/bin/python",
    runtime="abc",
    stop_timeout=200,
)


def text(unit: RouterUnit = ROUTER, with_secrets: bool = False, **options: Any) -> str:
    """Return the unit file."""
    return router_unit.unit_text(unit, replace(SETTINGS, options=options), with_secrets, router_argv(unit))


def test_the_unit_reads_like_the_documented_command() -> None:
    launcher = "/opt/sglang-router/current/bin/python -IB /usr/local/lib/sglang/router.py"
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
        "ExecStartPre=+/usr/bin/python3 -IB /usr/local/lib/sglang/prestart.py ports prometheus=29000 router=8000",
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


def test_only_a_router_with_secrets_gets_some() -> None:
    assert "LoadCredential" not in text()
    with_secrets = text(with_secrets=True)
    assert "LoadCredential=secrets.json:/etc/sglang/sglang-router-llama/secrets.json\n" in with_secrets
    assert "router.py run-with-secrets sglang_router.launch_router" in with_secrets


def test_a_privileged_port_comes_with_its_capability() -> None:
    lines = text(replace(ROUTER, ports={"router": "443"})).splitlines()
    assert "CapabilityBoundingSet=CAP_NET_BIND_SERVICE" in lines
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in lines


def test_plug_ins_may_be_compiled_where_there_are_some() -> None:
    assert "MemoryDenyWriteExecute=yes" in text()
    assert "MemoryDenyWriteExecute" not in text(replace(ROUTER, options=(Option("enable-wasm"),)))


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


def digest(unit: RouterUnit = ROUTER, secrets: str = "", **changes: Any) -> str:
    """Return the generation of a router."""
    return router_unit.unit_files(unit, replace(SETTINGS, **changes), secrets).digest


@given(st.sets(st.integers(1, 250), min_size=1, max_size=5), st.booleans())
def test_other_workers_change_the_unit_but_not_the_digest(hosts: set[int], regular: bool) -> None:
    kind, port = ("regular", 0) if regular else ("prefill", 8998)
    first = replace(ROUTER, workers=(Worker("a", kind, "http", "10.0.2.1", 30000, port),))
    other = replace(first, workers=tuple(Worker("a", kind, "http", f"10.0.1.{host}", 30000, port) for host in hosts))
    assert text(other) != text(first)
    assert digest(other) == digest(first)


def test_everything_else_changes_the_digest() -> None:
    found = [
        digest(),
        digest(replace(ROUTER, digest="other")),
        digest(replace(ROUTER, options=(*ROUTER.options, Option("log-level", ("warn",))))),
        digest(replace(ROUTER, workers=(Worker("a", "regular", "http", "10.0.0.1", 30000),))),
        digest(runtime="other"),
        digest(stop_timeout=10),
        digest(options={"Nice": 5}),
        digest(secrets='["--api-key", "a"]\n'),
        digest(secrets='["--api-key", "b"]\n'),
    ]
    assert len(set(found)) == len(found)


def test_secrets_become_arguments() -> None:
    secrets = {
        "redis-url": "redis://h",
        "api-key": "K",
        "control-plane-api-keys": ["a:n m:admin:1", "b:n:user:2"],
        "oracle-password": "",
    }
    found = ["--api-key", "K", "--control-plane-api-keys", "a:n m:admin:1", "b:n:user:2", "--redis-url", "redis://h"]
    assert json.loads(router_unit.secrets_text(secrets)) == found
    assert router_unit.secrets_text({"api-key": None, "control-plane-api-keys": []}) == ""


@pytest.mark.parametrize(
    "secrets", [{"--api-key": "x"}, {"api_key": "x"}, {"api-key": "-x"}, {"api-key": "x "}, {"api-key": ["a", "b\nc"]}]
)
def test_secrets_that_would_become_something_else_are_refused(secrets: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="secret_options: "):
        router_unit.secrets_text(secrets)


def test_a_name_that_is_no_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="routers: "):
        text(replace(ROUTER, name="../x"))


def converge(host: Any, *routers: RouterUnit, **changes: Any) -> tuple[Changes, dict[str, Any]]:
    """Run the module."""
    found: tuple[Changes, dict[str, Any]] = host.converge(routers=[to_dict(unit) for unit in routers], **changes)
    return found


def test_a_router_has_its_files_and_they_go_with_it(host: Any) -> None:
    before = host.left()
    converge(host, router(), api_key="x")
    wanted = {
        "config/sglang-router-a/environment",
        "units/sglang-router-a.service",
        "lib/router.py",
        "lib/prestart.py",
    }
    assert wanted <= host.files()
    assert converge(host, router(), api_key="x")[0].actions == []
    converge(host)
    assert host.left() == before


def test_another_worker_is_written_but_makes_nothing_stale(host: Any) -> None:
    _changes, result = converge(host, router("a", worker(1, "regular")))
    host.run("sglang-router-a", result["units"]["sglang-router-a"]["digest"])
    both = (worker(1, "regular"), worker(2, "regular"))
    changes, result = converge(host, router("a", *both))
    assert changes.actions == [f"write {host.root}/units/sglang-router-a.service", "reload systemd"]
    assert result["stale"] == []
    assert converge(host, router("a", *both, digest="2"))[1]["stale"] == ["sglang-router-a"]


def test_secrets_are_roots_and_only_of_their_deployment(host: Any) -> None:
    changes, _result = converge(host, router(), router("b"), api_keys={"a": {"api_key": "canary"}})
    path = host.root / "config/sglang-router-a/secrets.json"
    assert json.loads(path.read_text()) == ["--api-key", "canary"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "canary" not in str(changes)
    assert "config/sglang-router-b/secrets.json" not in host.files()
    texts = [
        item.read_text() for item in host.root.rglob("*") if item.is_file() and item != path and item.name != "python"
    ]
    assert not any("canary" in text for text in texts)
    gone, _result = converge(host, router(), router("b"))
    assert f"remove {path}" in gone.actions
    assert not path.exists()


@pytest.mark.parametrize(
    ("options", "secrets"),
    [
        ({"api_key": "K"}, ["--api-key", "K"]),
        ({"api_key": "K", "api_keys": {"a": {"api_key": "A", "admin_api_key": "ADMIN"}}}, ["--api-key", "A"]),
        ({"api_key": "K", "secret_options": {"a": {"api-key": "R"}}}, ["--api-key", "R"]),
        ({"secret_options": {"a": {"redis-url": "redis://h", "x": ""}, "b": None}}, ["--redis-url", "redis://h"]),
        ({"api_key": "K", "api_keys": {"a": {}}}, None),
    ],
)
def test_a_router_has_the_servers_key_and_its_own_secrets(
    host: Any, options: dict[str, Any], secrets: list[str] | None
) -> None:
    converge(host, router(), **options)
    path = host.root / "config/sglang-router-a/secrets.json"
    assert (json.loads(path.read_text()) if path.exists() else None) == secrets


def test_another_secret_makes_a_router_stale(host: Any) -> None:
    digests = {
        converge(host, router(), api_key=key)[1]["units"]["sglang-router-a"]["digest"] for key in ("x", "y", "", None)
    }
    assert len(digests) == 3


def test_a_server_is_not_pruned(host: Any) -> None:
    (host.root / "units/sglang-llama-0.service").write_text("# Managed by multinode.sglang\n[Unit]\n")
    (host.root / "config/sglang-llama-0").mkdir(parents=True)
    (host.root / "config/sglang-llama-0/environment").write_text("# Managed by multinode.sglang\n")
    converge(host, router())
    converge(host)
    assert {"units/sglang-llama-0.service", "config/sglang-llama-0/environment", "lib/prestart.py"} <= host.files()
    assert "config/sglang-router-a" not in host.files()


def test_a_missing_interpreter_is_refused(host: Any) -> None:
    (host.root / "bin/python").unlink()
    with pytest.raises(UnitsError, match=r"there is no Python at .*; run the role sglang_router"):
        converge(host, router())


@pytest.mark.parametrize("option", ["api_keys", "secret_options"])
def test_a_secret_in_the_wrong_place_is_refused_and_not_shown(host: Any, option: str) -> None:
    with pytest.raises(ValueError, match=rf"{option}\.a: it must be a mapping") as refusal:
        converge(host, router(), **{option: {"a": "SECRET"}})
    assert "SECRET" not in str(refusal.value)


def test_without_servers_routers_go_too_but_for_those_that_are_kept(host: Any) -> None:
    before = host.left()
    host.converge(routers=[to_dict(router(name)) for name in ("a", "b")])
    host.converge(servers=[], prune=False)
    assert {"units/sglang-router-a.service", "units/sglang-router-b.service"} <= host.files()
    host.converge(servers=[], keep=["sglang-router-b"])
    assert "units/sglang-router-a.service" not in host.files()
    assert {"units/sglang-router-b.service", "lib/router.py"} <= host.files()
    host.converge(servers=[])
    assert host.left() == before
