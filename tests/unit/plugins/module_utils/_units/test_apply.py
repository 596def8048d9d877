# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of one kind on a host as a whole, beside those of another kind."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.files import Directory, File
from ansible_collections.multinode.sglang.plugins.module_utils._base.ours import MARKERS
from ansible_collections.multinode.sglang.plugins.module_utils._units.apply import UnitFiles, UnitsError, Wanted

ONE, OTHER = MARKERS


def wanted(host: Any, *names: str, marker: str = ONE, secret: str = "", **changes: Any) -> Wanted:
    """Return units of one kind with these names."""

    def unit(name: str) -> UnitFiles:
        directory = f"{host.root}/config/{name}"
        secrets = File(f"{directory}/secret", secret, 0o600, secret=True)
        items = (
            Directory(directory, 0o750),
            File(f"{directory}/environment", f"{marker}\n", 0o640),
            *([secrets] if secret else []),
            File(f"{host.root}/units/{name}.service", f"{marker}\n[Unit]\n", 0o644),
        )
        return UnitFiles(name, "digest", items, () if secret else (secrets.path,))

    values: dict[str, Any] = {
        "markers": (marker,),
        "units": tuple(map(unit, names)),
        "interpreters": (f"{host.root}/bin/python",),
        "fix": "install one",
        "prune": True,
        "salt": "0" * 64,
    }
    return Wanted(**{**values, **changes})


def test_a_fresh_host_gets_everything_and_then_nothing(host: Any) -> None:
    changes, result = host.apply(wanted(host, "sglang-a"))
    assert {"config/sglang-a/environment", "units/sglang-a.service", "lib/prestart.py"} <= host.files()
    assert host.calls == [("daemon-reload",), ("enable", "sglang-a.service")]
    assert result["stale"] == ["sglang-a"]
    assert changes.actions[-2:] == ["reload systemd", "enable sglang-a"]
    again, _result = host.apply(wanted(host, "sglang-a"))
    assert (again.actions, again.diff) == ([], [])


def test_a_kind_may_prune_another_one_too(host: Any) -> None:
    host.apply(wanted(host, "sglang-other", marker=OTHER))
    changes, _result = host.apply(wanted(host, "sglang-a", markers=(ONE, OTHER)))
    assert changes.stop == ["sglang-other"]
    assert "units/sglang-other.service" not in host.files()


def test_check_mode_says_the_same_and_touches_nothing(host: Any) -> None:
    before = host.files()
    would, _result = host.apply(wanted(host, "sglang-a"), check=True)
    assert host.files() == before
    assert host.calls == []
    did, _result = host.apply(wanted(host, "sglang-a"))
    assert would.actions == did.actions
    assert would.diff == did.diff


def test_only_what_runs_the_written_generation_is_fresh(host: Any) -> None:
    host.run("sglang-a", "digest")
    assert host.apply(wanted(host, "sglang-a"))[1]["stale"] == []
    host.run("sglang-a", "older")
    assert host.apply(wanted(host, "sglang-a"))[1]["stale"] == ["sglang-a"]
    host.run("sglang-a", "digest")
    host.active.clear()
    assert host.apply(wanted(host, "sglang-a"))[1]["stale"] == ["sglang-a"]


@pytest.mark.parametrize("put", [lambda path: path.symlink_to("/etc/hostname"), os.mkfifo, pathlib.Path.mkdir])
def test_what_the_service_user_puts_in_place_of_the_generation_is_none(host: Any, put: Any) -> None:
    host.run("sglang-a", "digest")
    place = host.root / "run/sglang-a/generation"
    place.unlink()
    put(place)
    result = host.apply(wanted(host, "sglang-a"))[1]
    assert result["units"]["sglang-a"]["generation"] == ""
    assert result["stale"] == ["sglang-a"]


def test_a_secret_is_shown_nowhere_and_removed(host: Any) -> None:
    changes, _result = host.apply(wanted(host, "sglang-a", secret="canary"))
    assert (host.root / "config/sglang-a/secret").read_text() == "canary"
    assert "canary" not in str(changes)
    gone, _result = host.apply(wanted(host, "sglang-a"))
    assert gone.actions == [f"remove {host.root}/config/sglang-a/secret"]
    assert "canary" not in str(gone)
    assert not (host.root / "config/sglang-a/secret").exists()


def test_pruning_stops_and_removes_what_is_of_this_kind(host: Any) -> None:
    (host.root / "units/sglang-theirs.service").write_text("[Unit]\n")
    host.apply(wanted(host, "sglang-a", "sglang-b"))
    host.apply(wanted(host, "sglang-other", marker=OTHER))
    host.calls.clear()
    changes, _result = host.apply(wanted(host, "sglang-a"))
    assert host.calls == [("disable", "--now", "sglang-b.service"), ("daemon-reload",)]
    assert "stop and disable sglang-b" in changes.actions
    left = host.files()
    assert {
        "units/sglang-theirs.service",
        "units/sglang-a.service",
        "units/sglang-other.service",
        "config/sglang-other",
    } <= left
    assert not {"units/sglang-b.service", "config/sglang-b"} & left


@pytest.mark.parametrize("first", [ONE, OTHER])
def test_the_last_of_one_kind_leaves_the_other_kind_everything(host: Any, first: str) -> None:
    empty = host.left()
    second = OTHER if first == ONE else ONE
    host.apply(wanted(host, "sglang-a", marker=first, secret="x"))
    with_first = host.left()
    host.apply(wanted(host, "sglang-b", marker=second, secret="x"))
    would, _result = host.apply(wanted(host, marker=second), check=True)
    did, _result = host.apply(wanted(host, marker=second))
    assert would.actions == did.actions
    assert host.left() == with_first
    host.apply(wanted(host, marker=first))
    assert host.left() == empty
    assert host.apply(wanted(host, marker=first))[0].actions == []


def age(host: Any) -> set[str]:
    """Put what an older version and others left among the programs, and links that lead out; return the paths."""
    package = host.root / "lib/multinode_sglang"
    (host.root / "theirs").mkdir()
    (host.root / "theirs/file").touch()
    (package / "_old/deep").mkdir(parents=True)
    (package / "_old/deep/module.py").write_text("old\n")
    (package / "_base/gone.py").write_text("old\n")
    (package / "_base/file_link").symlink_to(host.root / "theirs/file")
    (package / "folder_link").symlink_to(host.root / "theirs")
    (package / "_old/link").symlink_to(host.root / "theirs")
    os.mkfifo(package / "pipe")
    return {f"{package}/{name}" for name in ("_old", "_base/gone.py", "_base/file_link", "folder_link", "pipe")}


def test_programs_of_an_older_version_are_removed_and_links_not_followed(host: Any) -> None:
    host.apply(wanted(host, "sglang-a"))
    before = host.files()
    strays = age(host)
    would, _result = host.apply(wanted(host, "sglang-a"), check=True)
    assert set(would.remove) == {entry["before_header"] for entry in would.diff} == strays
    assert set(would.actions) == {f"remove {path}" for path in strays}
    did, _result = host.apply(wanted(host, "sglang-a"))
    assert (did.actions, did.diff) == (would.actions, would.diff)
    assert host.files() == before | {"theirs", "theirs/file"}
    assert host.apply(wanted(host, "sglang-a"))[0].actions == []


def test_the_last_unit_takes_programs_of_an_older_version_with_it(host: Any) -> None:
    host.apply(wanted(host, "sglang-a"))
    age(host)
    (host.root / "lib/old.py").touch()
    would, _result = host.apply(wanted(host), check=True)
    did, _result = host.apply(wanted(host))
    assert (did.actions, did.diff) == (would.actions, would.diff)
    assert f"remove {host.root}/lib" in did.actions
    assert not any(path.startswith("lib") for path in host.files())
    assert "theirs/file" in host.files()
    assert host.apply(wanted(host))[0].actions == []


@pytest.mark.parametrize("link", ["lib/multinode_sglang", "lib/multinode_sglang/_base"])
def test_a_link_in_place_of_a_directory_of_the_programs_loses_nothing(host: Any, link: str) -> None:
    host.apply(wanted(host, "sglang-a"))
    (host.root / link).rename(host.root / "theirs")
    (host.root / "theirs/file").touch()
    (host.root / link).symlink_to(host.root / "theirs")
    host.apply(wanted(host, "sglang-a"))
    host.apply(wanted(host))
    assert "theirs/file" in host.files()


def test_what_somebody_else_put_beside_the_units_stays(host: Any) -> None:
    host.apply(wanted(host, "sglang-a"))
    (host.root / "config/note").touch()
    host.apply(wanted(host))
    assert "config/note" in host.files()
    assert "config/sglang-a" not in host.files()


def test_the_secrets_of_a_unit_whose_file_is_gone_are_removed(host: Any) -> None:
    host.apply(wanted(host, "sglang-a", secret="x"))
    (host.root / "units/sglang-a.service").unlink()
    changes, _result = host.apply(wanted(host, "sglang-b"))
    assert changes.stop == []
    assert "config/sglang-a" not in host.files()


def test_a_unit_that_is_kept_survives_an_empty_list(host: Any) -> None:
    host.apply(wanted(host, "sglang-a"))
    assert host.apply(wanted(host, keep=("sglang-a",)))[0].actions == []


def test_without_pruning_everything_stays(host: Any) -> None:
    host.apply(wanted(host, "sglang-a", "sglang-b"))
    assert host.apply(wanted(host, "sglang-a", prune=False))[0].actions == []
    assert host.apply(wanted(host, prune=False))[0].actions == []


def test_a_reload_that_was_missed_is_made_up_for(host: Any) -> None:
    host.apply(wanted(host, "sglang-a"))
    host.show = lambda names: {name: {"ActiveState": "active", "NeedDaemonReload": "yes"} for name in names}
    assert host.apply(wanted(host, "sglang-a"))[0].actions == ["reload systemd"]


def test_a_missing_interpreter_is_refused(host: Any) -> None:
    (host.root / "bin/python").unlink()
    with pytest.raises(UnitsError, match=r"there is no Python at .*; install one"):
        host.apply(wanted(host, "sglang-a"))
    assert "units/sglang-a.service" not in host.files()
