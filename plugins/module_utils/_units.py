# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of one host as a whole: what is wanted, what differs, making it so. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
from dataclasses import dataclass, field
from typing import Any

from . import _packages, _unit
from ._files import Directory, File, diff_entry, differs, ensure, file_diff, read
from ._systemd import Systemd, service
from ._unit import Settings, Unit

RUN_DIR = "/run/sglang"


class UnitsError(Exception):
    """The host cannot have the units that are wanted; the text says why and what to do."""


@dataclass(frozen=True)
class Wanted:
    """The whole that the host shall have."""

    units: tuple[Unit, ...]
    settings: Settings
    keys: dict[str, str] = field(repr=False)
    unit_dir: str
    helper_source: str
    prune: bool
    keep: tuple[str, ...] = ()

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Wanted:
        """Take the options of the module."""
        settings = Settings(
            user=params["user"],
            group=params["group"] or params["user"],
            config_dir=params["config_dir"],
            interpreter=params["interpreter"],
            helper=params["helper_path"],
            runtime=_packages.digest(_packages.installed(_packages.prefix_of(params["interpreter"]))),
            barrier_timeout=params["barrier_timeout"],
            stop_timeout=params["stop_timeout"],
            numactl=tuple(params["numactl"]),
            options=tuple(params["service_options"].items()),
        )
        units = tuple(Unit.from_plan(item) for item in params["units"])
        if settings.numactl and units and not os.path.exists(_unit.NUMACTL):
            raise UnitsError(f"{_unit.NUMACTL} is not on this host; install the package numactl or leave numactl out")
        keys = {unit.deployment: _unit.keys_text(params["api_keys"].get(unit.deployment) or {}) for unit in units}
        return cls(units, settings, keys, params["unit_dir"], params["helper_source"], params["prune"], tuple(params["keep"]))

    def unit_path(self, name: str) -> str:
        """Return the path of a unit file."""
        return f"{self.unit_dir}/{service(name)}"

    def link_path(self, name: str) -> str:
        """Return the path of the link that enables a unit."""
        return f"{self.unit_dir}/multi-user.target.wants/{service(name)}"

    def digest(self, unit: Unit) -> str:
        """Return what the unit's running generation is compared with."""
        return _unit.environment_text(unit, self.settings, self.keys[unit.deployment])[1]

    def items(self) -> list[File | Directory]:
        """Return every file and directory, parents first."""
        if not self.units:
            return []
        items: list[File | Directory] = [
            Directory(os.path.dirname(self.settings.helper), 0o755),
            File(self.settings.helper, self.helper_source, 0o755, bulky=True),
            Directory(self.settings.config_dir, 0o755),
        ]
        for unit in self.units:
            items.extend(self._unit_items(unit))
        return items

    def _unit_items(self, unit: Unit) -> list[File | Directory]:
        settings, keys = self.settings, self.keys[unit.deployment]
        directory = settings.directory(unit)
        environment = _unit.environment_text(unit, settings, keys)[0]
        items: list[File | Directory] = [
            Directory(directory, 0o750, group=settings.group),
            File(f"{directory}/environment", environment, 0o640, group=settings.group),
        ]
        if keys:
            items.append(File(f"{directory}/keys.yaml", keys, 0o600, settings.user, settings.group, secret=True))
        return [*items, File(self.unit_path(unit.name), _unit.unit_text(unit, settings, bool(keys)), 0o644)]


@dataclass
class Changes:
    """What differs from the wanted whole."""

    ensure: list[File | Directory] = field(default_factory=list)
    enable: list[str] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    reload: bool = False
    actions: list[str] = field(default_factory=list)
    diff: list[dict[str, Any]] = field(default_factory=list)

    def result(self, wanted: Wanted, systemd: Systemd) -> dict[str, Any]:
        """Return what the module says about the units, after the changes."""
        shown = systemd.show([unit.name for unit in wanted.units])
        units, stale = {}, []
        for unit in wanted.units:
            active = shown[unit.name]["ActiveState"]
            generation = (read(f"{RUN_DIR}/{unit.name}/generation") or "").strip()
            units[unit.name] = {"active": active, "digest": wanted.digest(unit), "generation": generation}
            if active != "active" or generation != wanted.digest(unit):
                stale.append(unit.name)
        return {"actions": self.actions, "units": units, "stale": stale}


def managed_units(unit_dir: str) -> list[str]:
    """Return the names of the units that this collection has made."""
    found = []
    for path in sorted(glob.glob(f"{unit_dir}/sglang-*.service")):
        if (read(path) or "").startswith(_unit.MARKER):
            found.append(os.path.basename(path)[: -len(".service")])
    return found


def examine(wanted: Wanted, systemd: Systemd) -> Changes:
    """Return what differs, without changing anything."""
    changes = Changes()
    for item in wanted.items():
        if differs(item):
            changes.ensure.append(item)
            changes.actions.append(f"write {item.path}" if isinstance(item, File) else f"make directory {item.path}")
        if isinstance(item, File) and read(item.path) != item.text:
            changes.diff.append(file_diff(item))
    for unit in wanted.units:
        stray = f"{wanted.settings.directory(unit)}/keys.yaml"
        if not wanted.keys[unit.deployment] and os.path.exists(stray):
            changes.remove.append(stray)
            changes.diff.append(diff_entry(stray, read(stray), None, secret=True))
    _examine_pruning(wanted, changes)
    changes.enable = [unit.name for unit in wanted.units if not os.path.islink(wanted.link_path(unit.name))]
    changes.actions += [f"remove {path}" for path in changes.remove]
    changes.reload = _must_reload(wanted, changes, systemd)
    changes.actions += ["reload systemd"] if changes.reload else []
    changes.actions += [f"enable {name}" for name in changes.enable]
    return changes


def _examine_pruning(wanted: Wanted, changes: Changes) -> None:
    names = {unit.name for unit in wanted.units} | set(wanted.keep)
    gone = [name for name in managed_units(wanted.unit_dir) if name not in names] if wanted.prune else []
    changes.stop = gone
    changes.actions += [f"stop and disable {name}" for name in gone]
    for name in gone:
        changes.diff.append(diff_entry(wanted.unit_path(name), read(wanted.unit_path(name)), None))
        paths = [wanted.unit_path(name), f"{wanted.settings.config_dir}/{name}"]
        changes.remove += [path for path in paths if os.path.lexists(path)]
    if wanted.prune and not names:
        paths = [wanted.settings.helper, wanted.settings.config_dir]
        changes.remove += [path for path in paths if os.path.lexists(path)]


def _must_reload(wanted: Wanted, changes: Changes, systemd: Systemd) -> bool:
    touched = [item.path for item in changes.ensure] + changes.remove
    if any(path.startswith(wanted.unit_dir + "/") for path in touched):
        return True
    shown = systemd.show([unit.name for unit in wanted.units])
    return any(values.get("NeedDaemonReload") == "yes" for values in shown.values())


def _remove_empty(*directories: str) -> None:
    for directory in directories:
        # One that is not empty is somebody's.
        with contextlib.suppress(OSError):
            os.rmdir(directory)


def apply(wanted: Wanted, changes: Changes, systemd: Systemd) -> None:
    """Make the host so."""
    if wanted.units and not os.access(wanted.settings.interpreter, os.X_OK):
        raise UnitsError(
            f"there is no Python at {wanted.settings.interpreter}; run the role sglang_runtime or correct sglang_server_python"
        )
    if changes.stop:
        systemd.call("disable", "--now", *map(service, changes.stop))
    for item in changes.ensure:
        ensure(item)
    for path in changes.remove:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    if changes.remove and not wanted.units:
        _remove_empty(os.path.dirname(wanted.settings.helper), RUN_DIR)
    if changes.reload:
        systemd.call("daemon-reload")
    if changes.enable:
        systemd.call("enable", *map(service, changes.enable))
