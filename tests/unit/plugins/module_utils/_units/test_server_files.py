# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of a host: which files they have, and what makes them stale."""

from __future__ import annotations

import stat
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._units.apply import Changes, UnitsError
from ansible_collections.multinode.sglang.plugins.module_utils._units.server_files import wanted_units


def unit(name: str = "sglang-a-0", deployment: str = "a", **changes: Any) -> dict[str, Any]:
    """Return a unit of the plan."""
    base: dict[str, Any] = {
        "name": name,
        "instance": name.removeprefix("sglang-"),
        "deployment": deployment,
        "rank": 0,
        "nnodes": 1,
        "address": "10.0.0.11",
        "ranks": [{"host": "node1", "address": "10.0.0.11"}],
        "ports": {"api": "30000"},
        "argv": ["-m", "sglang.launch_server"],
        "environment": {},
        "gpus": [0],
        "digest": "1",
    }
    return {**base, **changes}


def converge(host: Any, *units: dict[str, Any], **changes: Any) -> tuple[Changes, dict[str, Any]]:
    """Do what the module does."""
    params: dict[str, Any] = {
        "units": list(units),
        "user": host.user,
        "group": host.group,
        "config_dir": str(host.root / "config"),
        "unit_dir": str(host.root / "units"),
        "interpreter": str(host.root / "bin/python"),
        "helper_path": str(host.root / "lib/prestart.py"),
        "helper_source": "print()\n",
        "rdma_helper_source": "print()\n",
        "rdma_devices": [],
        "barrier_timeout": 300,
        "stop_timeout": 120,
        "numactl": [],
        "service_options": {},
        "api_keys": {},
        "releases": {},
        "prune": True,
        "keep": [],
    }
    found: tuple[Changes, dict[str, Any]] = host.apply(wanted_units({**params, **changes}))
    return found


def test_a_server_has_its_files_and_they_go_with_it(host: Any) -> None:
    before = host.left()
    converge(host, unit(), api_keys={"a": {"api_key": "x"}})
    assert {"config/sglang-a-0/environment", "units/sglang-a-0.service", "lib/prestart.py"} <= host.files()
    assert converge(host, unit(), api_keys={"a": {"api_key": "x"}})[0].actions == []
    converge(host)
    assert host.left() == before


def test_another_plan_makes_a_server_stale(host: Any) -> None:
    _changes, result = converge(host, unit())
    host.run("sglang-a-0", result["units"]["sglang-a-0"]["digest"])
    assert converge(host, unit())[1]["stale"] == []
    assert converge(host, unit(digest="2"))[1]["stale"] == ["sglang-a-0"]


def test_a_new_release_makes_exactly_its_servers_stale(host: Any) -> None:
    units = [
        unit(
            f"sglang-{name}-0", name, argv=["-m", "sglang.launch_server", "--model-path", f"{host.root}/{name}/current"]
        )
        for name in ("a", "b")
    ]
    for name in ("a", "b"):
        for digest in ("1", "2"):
            (host.root / name / "releases" / digest).mkdir(parents=True)
        (host.root / name / "current").symlink_to("releases/1")
    for name, state in converge(host, *units)[1]["units"].items():
        host.run(name, state["digest"])
    assert converge(host, *units)[1]["stale"] == []
    (host.root / "a/current").unlink()
    (host.root / "a/current").symlink_to("releases/2")
    changes, result = converge(host, *units)
    assert result["stale"] == ["sglang-a-0"]
    assert f"{host.root}/a/releases/2" in (host.root / "units/sglang-a-0.service").read_text()
    assert changes.actions


def test_a_new_package_makes_a_server_stale(host: Any) -> None:
    before = converge(host, unit())[1]["units"]["sglang-a-0"]["digest"]
    (host.root / "lib/python3.11/site-packages/torch-3.dist-info").mkdir(parents=True)
    assert converge(host, unit())[1]["units"]["sglang-a-0"]["digest"] != before


def test_keys_are_private_shown_nowhere_and_removed(host: Any) -> None:
    keys = {"a": {"api_key": "canary", "admin_api_key": "canary2"}}
    changes, _result = converge(host, unit(), api_keys=keys)
    path = host.root / "config/sglang-a-0/keys.yaml"
    assert path.read_text() == 'api-key: "canary"\nadmin-api-key: "canary2"\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "canary" not in str(changes)
    gone, _result = converge(host, unit())
    assert f"remove {path}" in gone.actions
    assert not path.exists()


def test_keys_of_another_deployment_stay_away(host: Any) -> None:
    converge(host, unit(), unit("sglang-b-0", "b"), api_keys={"b": {"api_key": "x"}})
    assert not (host.root / "config/sglang-a-0/keys.yaml").exists()
    assert (host.root / "config/sglang-b-0/keys.yaml").exists()


def test_a_missing_interpreter_is_refused(host: Any) -> None:
    (host.root / "bin/python").unlink()
    with pytest.raises(
        UnitsError, match=r"there is no Python at .*; run the role sglang_runtime or correct sglang_server_python"
    ):
        converge(host, unit())


def test_a_link_that_leads_to_no_model_is_refused(host: Any) -> None:
    lost = unit(argv=["-m", "sglang.launch_server", "--model-path", f"{host.root}/models/tiny/current"])
    with pytest.raises(UnitsError, match=r"models/tiny/current leads to no model; bring it with playbooks/weights.yml"):
        converge(host, lost)


def test_a_missing_numactl_is_refused(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ansible_collections.multinode.sglang.plugins.module_utils._units.server.NUMACTL", "/nonexistent/numactl"
    )
    with pytest.raises(UnitsError, match="install the package numactl"):
        converge(host, unit(), numactl=["--membind=0"])
