# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routers of a host beside its servers: which files they have, and what makes them stale."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._units.apply import Changes, UnitsError
from ansible_collections.multinode.sglang.plugins.module_utils._units.router_files import wanted_routers


def router(name: str = "a", *workers: str, digest: str = "1") -> dict[str, Any]:
    """Return a router of the plan."""
    return {
        "name": f"sglang-router-{name}",
        "deployment": name,
        "url": "http://10.0.0.9:8000",
        "ports": {"router": "8000"},
        "argv": ["-m", "sglang_router.launch_router", "--worker-urls", *workers],
        "digest": digest,
    }


def converge(host: Any, *routers: dict[str, Any], **changes: Any) -> tuple[Changes, dict[str, Any]]:
    """Do what the module does."""
    params: dict[str, Any] = {
        "routers": list(routers),
        "user": host.user,
        "group": host.group,
        "config_dir": str(host.root / "config"),
        "unit_dir": str(host.root / "units"),
        "interpreter": str(host.root / "bin/python"),
        "lib_dir": str(host.root / "lib/router"),
        "launcher_source": "print()\n",
        "prestart_source": "print(1)\n",
        "stop_timeout": 200,
        "service_options": {},
        "secrets": {},
        "prune": True,
        "keep": [],
    }
    found: tuple[Changes, dict[str, Any]] = host.apply(wanted_routers({**params, **changes}))
    return found


def test_a_router_has_its_files_and_they_go_with_it(host: Any) -> None:
    before = host.left()
    converge(host, router(), secrets={"a": {"api-key": "x"}})
    wanted = {
        "config/sglang-router-a/environment",
        "units/sglang-router-a.service",
        "lib/router/router.py",
        "lib/router/prestart.py",
    }
    assert wanted <= host.files()
    assert converge(host, router(), secrets={"a": {"api-key": "x"}})[0].actions == []
    converge(host)
    assert host.left() == before


def test_another_worker_is_written_but_makes_nothing_stale(host: Any) -> None:
    _changes, result = converge(host, router("a", "http://w1"))
    host.run("sglang-router-a", result["units"]["sglang-router-a"]["digest"])
    changes, result = converge(host, router("a", "http://w1", "http://w2"))
    assert changes.actions == [f"write {host.root}/units/sglang-router-a.service", "reload systemd"]
    assert result["stale"] == []
    assert converge(host, router("a", "http://w1", "http://w2", digest="2"))[1]["stale"] == ["sglang-router-a"]


def test_secrets_are_roots_and_only_of_their_deployment(host: Any) -> None:
    changes, _result = converge(host, router(), router("b"), secrets={"a": {"api-key": "canary"}})
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


def test_another_secret_makes_a_router_stale(host: Any) -> None:
    digests = {
        converge(host, router(), secrets={"a": {"api-key": key}})[1]["units"]["sglang-router-a"]["digest"]
        for key in ("x", "y", "", None)
    }
    assert len(digests) == 3


def test_a_server_is_not_pruned(host: Any) -> None:
    (host.root / "units/sglang-llama-0.service").write_text("# Managed by multinode.sglang\n[Unit]\n")
    (host.root / "config/sglang-llama-0").mkdir(parents=True)
    (host.root / "config/sglang-llama-0/environment").write_text("# Managed by multinode.sglang\n")
    converge(host, router())
    converge(host)
    assert {"units/sglang-llama-0.service", "config/sglang-llama-0/environment"} <= host.files()
    assert "config/sglang-router-a" not in host.files()


def test_a_missing_interpreter_is_refused(host: Any) -> None:
    (host.root / "bin/python").unlink()
    with pytest.raises(UnitsError, match=r"there is no Python at .*; run the role sglang_router"):
        converge(host, router())
