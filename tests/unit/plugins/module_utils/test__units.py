# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of a host as a whole, in a directory instead of /etc, with a systemd that only remembers."""

from __future__ import annotations

import grp
import os
import pathlib
import pwd
import stat
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils import _files, _units
from ansible_collections.multinode.sglang.plugins.module_utils._units import Changes, UnitsError, Wanted

ME = pwd.getpwuid(os.getuid()).pw_name
MINE = grp.getgrgid(os.getgid()).gr_name


@dataclass
class Host:
    """A host whose files are below a directory."""

    root: pathlib.Path
    calls: list[tuple[str, ...]] = field(default_factory=list)
    active: set[str] = field(default_factory=set)

    def call(self, *words: str) -> str:
        """Remember a call of systemctl, and enable like it."""
        self.calls.append(words)
        if words[0] == "enable":
            wants = self.root / "units/multi-user.target.wants"
            wants.mkdir(exist_ok=True)
            for name in words[1:]:
                (wants / name).symlink_to(self.root / "units" / name)
        return ""

    def show(self, names: list[str]) -> dict[str, dict[str, str]]:
        """Return the state of units."""
        return {name: {"ActiveState": "active" if name in self.active else "inactive"} for name in names}

    def params(self, *units: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Return the options of the module."""
        params: dict[str, Any] = {
            "units": list(units),
            "user": ME,
            "group": MINE,
            "config_dir": str(self.root / "config"),
            "unit_dir": str(self.root / "units"),
            "interpreter": str(self.root / "bin/python"),
            "helper_path": str(self.root / "lib/prestart.py"),
            "helper_source": "print()\n",
            "barrier_timeout": 300,
            "stop_timeout": 120,
            "numactl": [],
            "service_options": {},
            "api_keys": {},
            "prune": True,
            "keep": [],
        }
        return {**params, **changes}

    def converge(self, *units: dict[str, Any], check: bool = False, **changes: Any) -> tuple[Changes, dict[str, Any]]:
        """Run what the module runs."""
        systemd: Any = self
        wanted = Wanted.from_params(self.params(*units, **changes))
        found = _units.examine(wanted, systemd)
        if not check:
            _units.apply(wanted, found, systemd)
        return found, found.result(wanted, systemd)

    def files(self) -> set[str]:
        """Return every path."""
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*")}


@pytest.fixture
def host(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return a fresh host."""
    (tmp_path / "units").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to("/bin/true")
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(_units, "RUN_DIR", str(tmp_path / "run"))
    real = _files.ids
    # Whoever runs the tests owns what belongs to root on a host.
    monkeypatch.setattr(_files, "ids", lambda owner, group: real(ME if owner == "root" else owner, MINE if group == "root" else group))
    return Host(tmp_path)


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
        "digest": "1",
    }
    return {**base, **changes}


def test_a_fresh_host_gets_everything_and_then_nothing(host: Host) -> None:
    changes, result = host.converge(unit())
    assert {"config/sglang-a-0/environment", "units/sglang-a-0.service", "lib/prestart.py"} <= host.files()
    assert host.calls == [("daemon-reload",), ("enable", "sglang-a-0.service")]
    assert result["stale"] == ["sglang-a-0"]
    assert changes.actions[-2:] == ["reload systemd", "enable sglang-a-0"]
    again, _result = host.converge(unit())
    assert (again.actions, again.diff) == ([], [])


def test_check_mode_says_the_same_and_touches_nothing(host: Host) -> None:
    before = host.files()
    would, _result = host.converge(unit(), check=True)
    assert host.files() == before
    assert host.calls == []
    did, _result = host.converge(unit())
    assert would.actions == did.actions
    assert would.diff == did.diff


def test_only_what_runs_the_written_generation_is_fresh(host: Host) -> None:
    _changes, result = host.converge(unit())
    (host.root / "run/sglang-a-0").mkdir()
    (host.root / "run/sglang-a-0/generation").write_text(result["units"]["sglang-a-0"]["digest"] + "\n")
    assert host.converge(unit())[1]["stale"] == ["sglang-a-0"]
    host.active.add("sglang-a-0")
    assert host.converge(unit())[1]["stale"] == []
    assert host.converge(unit(digest="2"), check=True)[1]["stale"] == ["sglang-a-0"]


def test_a_new_package_makes_a_unit_stale(host: Host) -> None:
    before = host.converge(unit())[1]["units"]["sglang-a-0"]["digest"]
    (host.root / "lib/python3.11/site-packages/torch-3.dist-info").mkdir(parents=True)
    assert host.converge(unit())[1]["units"]["sglang-a-0"]["digest"] != before


def test_keys_are_private_shown_nowhere_and_removed(host: Host) -> None:
    keys = {"a": {"api_key": "canary", "admin_api_key": "canary2"}}
    changes, _result = host.converge(unit(), api_keys=keys)
    path = host.root / "config/sglang-a-0/keys.yaml"
    assert path.read_text() == 'api-key: "canary"\nadmin-api-key: "canary2"\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "canary" not in str(changes)
    again, _result = host.converge(unit(), api_keys=keys)
    assert again.actions == []
    gone, _result = host.converge(unit())
    assert f"remove {path}" in gone.actions
    assert "canary" not in str(gone)
    assert not path.exists()


def test_keys_of_another_deployment_stay_away(host: Host) -> None:
    host.converge(unit(), unit("sglang-b-0", "b"), api_keys={"b": {"api_key": "x"}})
    assert not (host.root / "config/sglang-a-0/keys.yaml").exists()
    assert (host.root / "config/sglang-b-0/keys.yaml").exists()


def test_pruning_stops_and_removes_what_is_ours(host: Host) -> None:
    (host.root / "units/sglang-theirs.service").write_text("[Unit]\n")
    host.converge(unit(), unit("sglang-b-0", "b"))
    host.calls.clear()
    changes, _result = host.converge(unit())
    assert host.calls == [("disable", "--now", "sglang-b-0.service"), ("daemon-reload",)]
    assert "stop and disable sglang-b-0" in changes.actions
    left = host.files()
    assert {"units/sglang-theirs.service", "units/sglang-a-0.service"} <= left
    assert not {"units/sglang-b-0.service", "config/sglang-b-0"} & left


def test_a_unit_that_is_kept_survives_an_empty_list(host: Host) -> None:
    host.converge(unit())
    changes, _result = host.converge(keep=[unit()["name"]])
    assert changes.actions == []


def test_without_pruning_everything_stays(host: Host) -> None:
    host.converge(unit(), unit("sglang-b-0", "b"))
    changes, _result = host.converge(unit(), prune=False)
    assert changes.actions == []


def test_no_units_leave_nothing(host: Host) -> None:
    before = host.files()
    host.converge(unit(), api_keys={"a": {"api_key": "x"}})
    host.converge()
    assert {path for path in host.files() - before if "wants" not in path} == set()
    changes, _result = host.converge()
    assert changes.actions == []


def test_a_reload_that_was_missed_is_made_up_for(host: Host) -> None:
    host.converge(unit())
    host.show = lambda names: {name: {"ActiveState": "active", "NeedDaemonReload": "yes"} for name in names}  # type: ignore[method-assign]
    assert host.converge(unit())[0].actions == ["reload systemd"]


def test_a_missing_interpreter_is_refused(host: Host) -> None:
    (host.root / "bin/python").unlink()
    with pytest.raises(UnitsError, match=r"there is no Python at .*; run the role sglang_runtime"):
        host.converge(unit())
    assert "units/sglang-a-0.service" not in host.files()


def test_a_missing_numactl_is_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.multinode.sglang.plugins.module_utils._unit.NUMACTL", "/nonexistent/numactl")
    with pytest.raises(UnitsError, match="install the package numactl"):
        host.converge(unit(), numactl=["--membind=0"])
