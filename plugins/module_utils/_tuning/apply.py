# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply the settings of a host, and report those that it refuses. PRIVATE to the collection."""

from __future__ import annotations

import glob
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from .._base.files import File, diff_entry, differs, ensure, read
from .._base.host import Root
from .._node.kernel import chosen, limit_text, sysctl_path
from . import settings
from .settings import RESERVED, normal

# What a container has of its own; the rest of the kernel belongs to the machine under it.
NAMESPACED = ("net.", "kernel.shm", "kernel.sem", "kernel.msg", "fs.mqueue.")
FOREIGN = "it belongs to the machine that this container runs on"
LIMITS = {"memlock": resource.RLIMIT_MEMLOCK, "nofile": resource.RLIMIT_NOFILE}


@dataclass(frozen=True)
class Wanted:
    """The settings that a host must have."""

    exact: dict[str, str]
    floors: dict[str, str]
    reserved: str
    sysfs: dict[str, str]
    limits: dict[str, str]
    sysctl_file: str
    tmpfiles_file: str
    limits_file: str

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Wanted:
        """Return the options of the module as this type."""
        unknown = sorted(set(params["limits"]) - set(LIMITS))
        if unknown:
            raise ValueError(f"limits: unknown limit {', '.join(unknown)}; use {', '.join(LIMITS)}")
        if RESERVED in {**params["sysctls"], **params["sysctls_at_least"]}:
            raise ValueError(
                f"{RESERVED}: the module merges this sysctl with the host's own; set reserved_ports instead"
            )
        return cls(
            exact={key: normal(value) for key, value in params["sysctls"].items()},
            floors={key: normal(value) for key, value in params["sysctls_at_least"].items()},
            reserved=params["reserved_ports"],
            sysfs={path: normal(value) for path, value in params["sysfs"].items() if value},
            limits={name: str(value) for name, value in params["limits"].items() if value},
            sysctl_file=params["sysctl_file"],
            tmpfiles_file=params["tmpfiles_file"],
            limits_file=params["limits_file"],
        )


@dataclass
class Changes:
    """What differs, what was refused, and the diff."""

    actions: list[str] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    diff: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)

    def refuse(self, name: str, wanted: str, has: str, reason: str) -> None:
        """Add a value that the host refuses."""
        self.refused.append({"name": name, "wanted": wanted, "has": has, "reason": reason})

    def warning(self) -> str:
        """Return one sentence about all refused settings, empty without any."""
        parts = [
            f"{item['name']}={item['wanted']} (is {item['has'] or 'absent'}: {item['reason']})" for item in self.refused
        ]
        noun = "setting" if len(parts) == 1 else "settings"
        return f"this host refuses {len(parts)} {noun}: {'; '.join(parts)}" if parts else ""

    def all_diffs(self) -> list[dict[str, Any]]:
        """Return the diffs of the files and one of the values."""
        if not self.values:
            return self.diff
        sides = ["".join(f"{name} = {pair[side]}\n" for name, pair in self.values.items()) for side in (0, 1)]
        return [*self.diff, diff_entry("running values", sides[0], sides[1])]


def try_limit(name: str, value: str) -> str:
    """Return why logins cannot get a limit, empty if they can. With such a limit, pam_limits refuses logins."""
    kind = LIMITS[name]
    number = resource.RLIM_INFINITY if value == "unlimited" else int(value)
    before = resource.getrlimit(kind)
    # A hard limit that a test lowers may not be raised again, so a limit that is high enough is not tested.
    if before[1] == resource.RLIM_INFINITY or resource.RLIM_INFINITY != number <= before[1]:
        return ""
    try:
        resource.setrlimit(kind, (before[0], number))
        resource.setrlimit(kind, before)
    except (ValueError, OSError) as error:
        return f"{error}; logins would be refused"
    return ""


class Host:
    """The files of a kernel; tests replace them."""

    def __init__(self, root: Root, try_limit: Callable[[str, str], str] = try_limit) -> None:
        """Keep their directory."""
        self.root, self.try_limit = root, try_limit
        self.container = bool(root.text("/run/systemd/container")) or root.exists("/.dockerenv")

    def writable(self, path: str) -> bool:
        """Return whether the setting can be written at all."""
        return os.access(self.root.path(path), os.W_OK)

    def write(self, path: str, value: str) -> None:
        """Write a value."""
        with open(self.root.path(path), "w", encoding="utf-8") as handle:
            handle.write(value + "\n")

    def sysctl(self, key: str) -> str | None:
        """Return a sysctl."""
        text = self.root.read(sysctl_path(key))
        return None if text is None else normal(text)

    def sysfs(self, path: str) -> str:
        """Return a setting; of several words, the selected one."""
        text = self.root.text(path)
        return chosen(text) or text

    def expand(self, pattern: str) -> list[str]:
        """Return the paths that match a pattern."""
        start = len(self.root.path(""))
        return [path[start:] for path in sorted(glob.glob(self.root.path(pattern)))]


def tune(wanted: Wanted, host: Host, check: bool) -> Changes:
    """Apply the settings, or only return what would change."""
    changes = Changes()
    if host.container:
        wanted = own_settings(wanted, host, changes)
    path = host.root.path(wanted.sysctl_file)
    old = settings.parse_dropin(read(path) or "")
    keys = {*wanted.exact, *wanted.floors, *old, RESERVED}
    planned = settings.plan_sysctls(
        wanted.exact, wanted.floors, wanted.reserved, {key: host.sysctl(key) for key in keys}, old
    )
    for key, value in planned.absent.items():
        changes.refuse(key, value, "", "this kernel or container does not have it")
    _file(path, settings.render_dropin(planned.entries), check, changes)
    for key, value in planned.values.items():
        _value(host, key, sysctl_path(key), value, host.sysctl, check, changes)
    _file(host.root.path(wanted.tmpfiles_file), settings.tmpfiles_text(wanted.sysfs), check, changes)
    _sysfs(wanted, host, check, changes)
    # After the sysctls: fs.nr_open bounds the limit of open files.
    limits = _limits(wanted, host, changes)
    _file(host.root.path(wanted.limits_file), settings.limits_text(limits), check, changes)
    return changes


def own_settings(wanted: Wanted, host: Host, changes: Changes) -> Wanted:
    """Return what a container may set. A privileged one could change its machine, and systemd would at each boot."""
    for name, value in {**wanted.floors, **wanted.exact}.items():
        if not name.startswith(NAMESPACED):
            changes.refuse(name, value, host.sysctl(name) or "", FOREIGN)
    for path, value in wanted.sysfs.items():
        changes.refuse(path, value, "", FOREIGN)
    exact, floors = (
        {name: value for name, value in values.items() if name.startswith(NAMESPACED)}
        for values in (wanted.exact, wanted.floors)
    )
    return replace(wanted, exact=exact, floors=floors, sysfs={})


def _limits(wanted: Wanted, host: Host, changes: Changes) -> dict[str, str]:
    limits = {}
    for name, value in wanted.limits.items():
        trouble = host.try_limit(name, value)
        if trouble:
            changes.refuse(f"limit {name}", value, limit_text(resource.getrlimit(LIMITS[name])[1]), trouble)
        else:
            limits[name] = value
    return limits


def _file(path: str, text: str, check: bool, changes: Changes) -> None:
    """Write a file; one without content is removed."""
    before = read(path)
    if text and (before != text or differs(File(path, text, 0o644))):
        changes.actions.append(f"write {path}")
        if not check:
            ensure(File(path, text, 0o644))
    elif not text and before is not None:
        changes.actions.append(f"remove {path}")
        if not check:
            os.unlink(path)
    if (before or "") != text:
        changes.diff.append(diff_entry(path, before, text or None))


def _value(
    host: Host, name: str, path: str, value: str, get: Callable[[str], str | None], check: bool, changes: Changes
) -> None:
    """Set one value, and verify it."""
    before = get(name) or ""
    if not host.writable(path):
        changes.refuse(name, value, before, "it is read-only here, as in a container")
        return
    if not check:
        try:
            host.write(path, value)
        except OSError as error:
            changes.refuse(name, value, before, error.strerror or str(error))
            return
        after = get(name) or ""
        if after != value:
            changes.refuse(name, value, after, "the kernel keeps another value")
            if after == before:
                return
    changes.actions.append(f"set {name} = {value}")
    changes.values[name] = [before, value]


def _sysfs(wanted: Wanted, host: Host, check: bool, changes: Changes) -> None:
    for pattern, value in wanted.sysfs.items():
        paths = host.expand(pattern)
        if not paths:
            changes.refuse(pattern, value, "", "this host does not have it")
        for path in paths:
            if host.sysfs(path) != value:
                _value(host, path, path, value, host.sysfs, check, changes)
