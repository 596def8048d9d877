# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the units of one kind on a host to the plan: what is wanted, what differs, and the change."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
from dataclasses import dataclass, field
from typing import Any

from .._base import ours, paths, processes
from .._base.files import Directory, File, diff_entry, differs, ensure, file_diff, read, removal_diff
from .._base.host import Root
from .._base.ours import MARKERS
from .._base.systemd import Systemd, service
from . import digest, programs


class UnitsError(Exception):
    """The units of the plan cannot run on this host; the text says why and what to do."""


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
    """All units of one kind that the plan has for this host.

    markers: the first lines of the files that are pruned; each kind has its own. interpreters: what starts the units.
    fix: what to do where one is missing. salt: what the digests of secrets are made with. models: links that must lead
    to a model. files: what else the units read.
    """

    markers: tuple[str, ...]
    units: tuple[UnitFiles, ...]
    interpreters: tuple[str, ...]
    fix: str
    prune: bool
    salt: str = field(repr=False)
    keep: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def items(self) -> list[File | Directory]:
        """Return every file and directory, parents first."""
        if not self.units:
            return []
        own = (item for unit in self.units for item in unit.items)
        salt = File(f"{paths.CONFIG_DIR}/{paths.SALT}", f"{self.salt}\n", 0o600, secret=True)
        return [*programs.files(), Directory(paths.CONFIG_DIR, 0o755), salt, *own]


def unit_path(name: str) -> str:
    """Return the path of a unit file."""
    return f"{paths.UNIT_DIR}/{service(name)}"


def is_enabled(name: str) -> bool:
    """Return whether a unit starts with the host."""
    return os.path.islink(f"{paths.UNIT_DIR}/multi-user.target.wants/{service(name)}")


def marked(pattern: str, markers: tuple[str, ...]) -> list[str]:
    """Return the paths of the files of some kinds among those that match."""
    return [path for path in sorted(glob.glob(pattern)) if (read(path) or "").split("\n", 1)[0] in markers]


def unit_names(markers: tuple[str, ...]) -> list[str]:
    """Return the units of some kinds that are on this host."""
    return [os.path.basename(path)[: -len(".service")] for path in marked(unit_path("sglang-*"), markers)]


@dataclass
class Changes:
    """What differs.

    strays: units that are not in the plan. empty: directories that are removed if nothing else is in them.
    """

    ensure: list[File | Directory] = field(default_factory=list)
    enable: list[str] = field(default_factory=list)
    strays: list[dict[str, Any]] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    reload: bool = False
    actions: list[str] = field(default_factory=list)
    diff: list[dict[str, Any]] = field(default_factory=list)

    def result(self, wanted: Wanted, systemd: Systemd) -> dict[str, Any]:
        """Return what the module returns about the units, after the changes."""
        shown = systemd.show([unit.name for unit in wanted.units])
        units, stale = {}, []
        for unit in wanted.units:
            active = shown[unit.name]["ActiveState"]
            generation = digest.running(unit.name)
            rank = processes.rank(Root(), int(shown[unit.name].get("MainPID") or 0))
            units[unit.name] = {"active": active, "digest": unit.digest, "generation": generation, "rank": rank}
            if active != "active" or generation != unit.digest:
                stale.append(unit.name)
        return {"actions": self.actions, "units": units, "stale": stale, "strays": self.strays}


def examine(wanted: Wanted, systemd: Systemd) -> Changes:
    """Return what differs, without changing anything."""
    changes = Changes()
    for item in wanted.items():
        if differs(item):
            changes.ensure.append(item)
            changes.actions.append(f"write {item.path}" if isinstance(item, File) else f"create directory {item.path}")
        if isinstance(item, File) and read(item.path) != item.text:
            changes.diff.append(file_diff(item))
    for stray in (path for unit in wanted.units for path in unit.strays if os.path.exists(path)):
        changes.remove.append(stray)
        changes.diff.append(diff_entry(stray, read(stray), None, secret=True))
    for path in programs.strays() if wanted.units else ():
        changes.remove.append(path)
        changes.diff.append(removal_diff(path))
    kinds = {ours.KINDS[marker] for marker in wanted.markers}
    known = {*wanted.keep, *(unit.name for unit in wanted.units)}
    changes.strays = ours.strays([one for one in ours.units(Root()) if one["kind"] in kinds], known)
    if wanted.prune:
        _examine_pruning(wanted, changes)
    changes.enable = [unit.name for unit in wanted.units if not is_enabled(unit.name)]
    changes.actions += [f"remove {path}" for path in changes.remove]
    changes.reload = _must_reload(wanted, changes, systemd)
    changes.actions += ["reload systemd"] if changes.reload else []
    changes.actions += [f"enable {name}" for name in changes.enable]
    return changes


def _examine_pruning(wanted: Wanted, changes: Changes) -> None:
    names = {unit.name for unit in wanted.units} | set(wanted.keep)
    loaded = unit_names(wanted.markers)
    # A unit file that somebody removed by hand leaves these, with the secrets in them.
    environments = marked(f"{paths.CONFIG_DIR}/sglang-*/environment", wanted.markers)
    configured = [os.path.basename(os.path.dirname(path)) for path in environments]
    changes.stop = [name for name in loaded if name not in names]
    changes.actions += [f"stop and disable {name}" for name in changes.stop]
    gone = sorted({*loaded, *configured} - names)
    for name in gone:
        if name in changes.stop:
            changes.diff.append(diff_entry(unit_path(name), read(unit_path(name)), None))
            changes.remove.append(unit_path(name))
        changes.remove += [path for path in [f"{paths.CONFIG_DIR}/{name}"] if os.path.lexists(path)]
    if not wanted.units and not wanted.keep and set(unit_names(MARKERS)) <= set(gone):
        _examine_last(changes, gone)


def _examine_last(changes: Changes, gone: list[str]) -> None:
    """Remove what all units use, with the last unit of this host."""
    # Whole: it may hold files of an older version.
    if os.path.lexists(paths.LIBRARY_DIR):
        changes.remove.append(paths.LIBRARY_DIR)
        changes.diff.append(removal_diff(paths.LIBRARY_DIR))
    changes.empty.append(paths.RUN_DIR)
    # What else is in it is somebody's.
    if os.path.isdir(paths.CONFIG_DIR) and set(os.listdir(paths.CONFIG_DIR)) <= {
        *gone,
        os.path.basename(paths.HISTORY),
        paths.SALT,
    }:
        changes.remove.append(paths.CONFIG_DIR)


def _must_reload(wanted: Wanted, changes: Changes, systemd: Systemd) -> bool:
    touched = [item.path for item in changes.ensure] + changes.remove
    if any(path.startswith(paths.UNIT_DIR + "/") for path in touched):
        return True
    shown = systemd.show([unit.name for unit in wanted.units])
    return any(values.get("NeedDaemonReload") == "yes" for values in shown.values())


def _refuse_what_cannot_start(wanted: Wanted) -> None:
    for interpreter in wanted.interpreters:
        if not os.access(interpreter, os.X_OK):
            raise UnitsError(f"there is no Python at {interpreter}; {wanted.fix}")
    for path in wanted.models:
        if not os.path.exists(path):
            raise UnitsError(
                f"{path} leads to no model; copy it with playbooks/weights.yml, or correct the model of the deployment"
            )
    for path in wanted.files:
        if not os.path.exists(path):
            raise UnitsError(
                f"{path} does not exist on this host; copy it there, or correct the deployment that names it"
            )


def apply(wanted: Wanted, changes: Changes, systemd: Systemd) -> None:
    """Change the host."""
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
    for directory in changes.empty:
        # One that is not empty is somebody's.
        with contextlib.suppress(OSError):
            os.rmdir(directory)
    if changes.reload:
        systemd.call("daemon-reload")
    if changes.enable:
        systemd.call("enable", *map(service, changes.enable))


def bring(wanted: Wanted, systemd: Systemd, check_mode: bool) -> dict[str, Any]:
    """Change the host, or in check mode only report it; return the result of the module."""
    changes = examine(wanted, systemd)
    if not check_mode:
        apply(wanted, changes, systemd)
    return {"changed": bool(changes.actions), "diff": changes.diff, **changes.result(wanted, systemd)}
