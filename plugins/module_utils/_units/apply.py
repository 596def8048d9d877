# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of one kind on a host: what is wanted, what differs, making it so. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
from dataclasses import dataclass, field
from typing import Any

from .._base.files import Directory, File, diff_entry, differs, ensure, file_diff, read
from .._base.systemd import Systemd, service

RUN_DIR = "/run/sglang"


class UnitsError(Exception):
    """The host cannot have the units that are wanted; the text says why and what to do."""


@dataclass(frozen=True)
class UnitFiles:
    """One unit with all that belongs to it.

    digest: what its running generation is compared with. strays: secrets that must not be there any more.
    """

    name: str
    digest: str
    items: tuple[File | Directory, ...]
    strays: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """All units of one kind that the host shall have.

    markers: the first lines of the files that are pruned; they tell the kinds apart. shared: what all units use and what goes with the
    last. remedy: what to do where the interpreter is missing. models: links that must lead to a model.
    """

    markers: tuple[str, ...]
    units: tuple[UnitFiles, ...]
    shared: tuple[File | Directory, ...]
    interpreter: str
    remedy: str
    config_dir: str
    unit_dir: str
    prune: bool
    keep: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def unit_path(self, name: str) -> str:
        """Return the path of a unit file."""
        return f"{self.unit_dir}/{service(name)}"

    def link_path(self, name: str) -> str:
        """Return the path of the link that enables a unit."""
        return f"{self.unit_dir}/multi-user.target.wants/{service(name)}"

    def items(self) -> list[File | Directory]:
        """Return every file and directory, parents first."""
        if not self.units:
            return []
        return [*self.shared, Directory(self.config_dir, 0o755), *(item for unit in self.units for item in unit.items)]

    def marked(self, pattern: str) -> list[str]:
        """Return the paths of the files of these kinds among those that match."""
        return [path for path in sorted(glob.glob(pattern)) if (read(path) or "").split("\n", 1)[0] in self.markers]


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
            units[unit.name] = {"active": active, "digest": unit.digest, "generation": generation}
            if active != "active" or generation != unit.digest:
                stale.append(unit.name)
        return {"actions": self.actions, "units": units, "stale": stale}


def examine(wanted: Wanted, systemd: Systemd) -> Changes:
    """Return what differs, without changing anything."""
    changes = Changes()
    for item in wanted.items():
        if differs(item):
            changes.ensure.append(item)
            changes.actions.append(f"write {item.path}" if isinstance(item, File) else f"make directory {item.path}")
        if isinstance(item, File) and read(item.path) != item.text:
            changes.diff.append(file_diff(item))
    for stray in (path for unit in wanted.units for path in unit.strays if os.path.exists(path)):
        changes.remove.append(stray)
        changes.diff.append(diff_entry(stray, read(stray), None, secret=True))
    if wanted.prune:
        _examine_pruning(wanted, changes)
    changes.enable = [unit.name for unit in wanted.units if not os.path.islink(wanted.link_path(unit.name))]
    changes.actions += [f"remove {path}" for path in changes.remove]
    changes.reload = _must_reload(wanted, changes, systemd)
    changes.actions += ["reload systemd"] if changes.reload else []
    changes.actions += [f"enable {name}" for name in changes.enable]
    return changes


def _examine_pruning(wanted: Wanted, changes: Changes) -> None:
    names = {unit.name for unit in wanted.units} | set(wanted.keep)
    loaded = [
        os.path.basename(path)[: -len(".service")] for path in wanted.marked(f"{wanted.unit_dir}/sglang-*.service")
    ]
    # A unit file that somebody removed by hand leaves these, with the secrets in them.
    configured = [
        os.path.basename(os.path.dirname(path)) for path in wanted.marked(f"{wanted.config_dir}/sglang-*/environment")
    ]
    changes.stop = [name for name in loaded if name not in names]
    changes.actions += [f"stop and disable {name}" for name in changes.stop]
    gone = sorted({*loaded, *configured} - names)
    for name in gone:
        if name in changes.stop:
            changes.diff.append(diff_entry(wanted.unit_path(name), read(wanted.unit_path(name)), None))
            changes.remove.append(wanted.unit_path(name))
        changes.remove += [path for path in [f"{wanted.config_dir}/{name}"] if os.path.lexists(path)]
    if not names:
        changes.remove += [item.path for item in wanted.shared if isinstance(item, File) and os.path.lexists(item.path)]
        # What is left in it belongs to another kind of units.
        if os.path.isdir(wanted.config_dir) and set(os.listdir(wanted.config_dir)) <= set(gone):
            changes.remove.append(wanted.config_dir)


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


def _refuse_what_cannot_start(wanted: Wanted) -> None:
    if wanted.units and not os.access(wanted.interpreter, os.X_OK):
        raise UnitsError(f"there is no Python at {wanted.interpreter}; {wanted.remedy}")
    for path in wanted.models:
        if not os.path.exists(path):
            raise UnitsError(
                f"{path} leads to no model; bring it with playbooks/weights.yml, or correct the model of the deployment"
            )


def apply(wanted: Wanted, changes: Changes, systemd: Systemd) -> None:
    """Make the host so."""
    _refuse_what_cannot_start(wanted)
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
        _remove_empty(*(item.path for item in wanted.shared if isinstance(item, Directory)), RUN_DIR)
    if changes.reload:
        systemd.call("daemon-reload")
    if changes.enable:
        systemd.call("enable", *map(service, changes.enable))


def bring_about(wanted: Wanted, systemd: Systemd, check_mode: bool) -> dict[str, Any]:
    """Make the host so, or only say what would be done; return the result of the module."""
    changes = examine(wanted, systemd)
    if not check_mode:
        apply(wanted, changes, systemd)
    return {"changed": bool(changes.actions), "diff": changes.diff, **changes.result(wanted, systemd)}
