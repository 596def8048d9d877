# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts for the tests: one with its units in a directory, and recorded ones, which are files and outputs."""

from __future__ import annotations

import grp
import os
import pathlib
import pwd
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import files, paths
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._units import apply
from ansible_collections.multinode.sglang.plugins.module_utils._units.apply import Changes, Wanted
from ansible_collections.multinode.sglang.plugins.modules import units

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
ME = pwd.getpwuid(os.getuid()).pw_name
MINE = grp.getgrgid(os.getgid()).gr_name


@dataclass
class Host:
    """A host whose files are below a directory."""

    root: pathlib.Path
    user: str = ME
    group: str = MINE
    calls: list[tuple[str, ...]] = field(default_factory=list)
    active: set[str] = field(default_factory=set)

    def call(self, *words: str) -> str:
        """Remember a call of systemctl, enable like it, and refuse to disable what is not there."""
        self.calls.append(words)
        for name in words[1:] if words[0] == "enable" else ():
            wants = self.root / "units/multi-user.target.wants"
            wants.mkdir(exist_ok=True)
            (wants / name).symlink_to(self.root / "units" / name)
        if words[0] == "disable":
            assert all((self.root / "units" / name).exists() for name in words[2:])
        return ""

    def show(self, names: list[str]) -> dict[str, dict[str, str]]:
        """Return the state of units."""
        return {name: {"ActiveState": "active" if name in self.active else "inactive"} for name in names}

    def apply(self, wanted: Wanted, check: bool = False) -> tuple[Changes, dict[str, Any]]:
        """Do what the modules do."""
        systemd: Any = self
        found = apply.examine(wanted, systemd)
        if not check:
            apply.apply(wanted, found, systemd)
        return found, found.result(wanted, systemd)

    def converge(self, **options: Any) -> tuple[Changes, dict[str, Any]]:
        """Do what the module units does with these options."""
        defaults = {name: option.get("default") for name, option in units.OPTIONS.items()}
        own = {"user": self.user, "group": self.group, "interpreter": str(self.root / "bin/python")}
        return self.apply(units.wanted({**defaults, **own, **options}))

    def run(self, name: str, digest: str) -> None:
        """Pretend that a generation runs."""
        self.active.add(name)
        (self.root / "run" / name).mkdir(exist_ok=True)
        (self.root / "run" / name / "generation").write_text(digest + "\n")

    def files(self) -> set[str]:
        """Return every path."""
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*")}

    def left(self) -> set[str]:
        """Return every path but empty directories, and the links that systemd removes itself."""
        return {path for path in self.files() if "wants" not in path and path not in ("run", "lib")}


@pytest.fixture
def host(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return a fresh host."""
    (tmp_path / "units").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to("/bin/true")
    (tmp_path / "run").mkdir()
    for name, folder in {"CONFIG_DIR": "config", "RUN_DIR": "run", "LIBRARY_DIR": "lib", "UNIT_DIR": "units"}.items():
        monkeypatch.setattr(paths, name, str(tmp_path / folder))
    real = files.ids
    # Whoever runs the tests owns what belongs to root on a host.
    monkeypatch.setattr(
        files, "ids", lambda owner, group: real(ME if owner == "root" else owner, MINE if group == "root" else group)
    )
    return Host(tmp_path)


def grow(folder: pathlib.Path, lines: str) -> None:
    """Make the files and links of a tree."""
    for line in lines.splitlines():
        path, arrow, target = line.partition(" -> ")
        if not arrow:
            path, _unused, text = line.partition(" =")
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if arrow:
            place.symlink_to(target)
        else:
            place.write_text(text.strip() + "\n")


@pytest.fixture
def recorded() -> Callable[[str], str]:
    """Return the text of a fixture by its name."""
    return lambda name: (FIXTURES / name).read_text()


@pytest.fixture
def host_files(tmp_path: pathlib.Path) -> Callable[[str], Root]:
    """Make the files of a host from a tree, a fixture's name or the lines themselves."""

    def make(tree: str) -> Root:
        grow(tmp_path, tree if " = " in tree or " -> " in tree or not tree else (FIXTURES / tree).read_text())
        return Root(str(tmp_path))

    return make


@pytest.fixture
def answering() -> Callable[..., Commands]:
    """Make commands that return (rc, output), found by parts of their command line; others are not installed."""

    def make(answers: dict[str, tuple[int, str]], seconds: float = 5) -> Commands:
        def run(words: list[str], **_options: Any) -> tuple[int, str, str]:
            line = " ".join(words)
            return next(((rc, out, "") for key, (rc, out) in answers.items() if key in line), (1, "", "not recorded"))

        return Commands(run, lambda name: name if any(key.split()[0] == name for key in answers) else None, seconds)

    return make
