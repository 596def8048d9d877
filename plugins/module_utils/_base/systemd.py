# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of systemctl and journalctl, one for all units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .text import clean

PROPERTIES = (
    "Id", "LoadState", "ActiveState", "SubState", "Result", "NRestarts", "MainPID",
    "ActiveEnterTimestamp", "NeedDaemonReload", "UnitFileState", "LimitMEMLOCK", "LimitNOFILE",
)  # fmt: skip
# A manager or a journal that does not answer ends a module, and not only a play.
LIMIT = ["/usr/bin/timeout", "--kill-after=5", "60"]
LOCALE = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


# Jobs that wait for units, whose own limits end them.
_LONG = ("start", "stop", "restart", "disable", "reload-or-restart")
# How timeout ends.
_LATE = 124


class SystemdError(Exception):
    """A command of systemd failed; the text names it and the reason."""


def service(name: str) -> str:
    """Return the name of the unit as systemd writes it."""
    return name + ".service"


def parse_show(text: str) -> dict[str, dict[str, str]]:
    """Return unit -> properties from the output of 'systemctl show'."""
    units = {}
    for block in text.strip().split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in values:
            units[values["Id"][: -len(".service")]] = values
    return units


class Systemd:
    """The calls of systemctl and journalctl that the modules need."""

    def __init__(self, run: Callable[..., tuple[Any, ...]]) -> None:
        """Keep the function that runs a command (AnsibleModule.run_command)."""
        self._run = run

    def call(self, *words: str) -> str:
        """Run systemctl; return its output or raise with its message."""
        limit = [] if words[0] in _LONG else LIMIT
        rc, out, err = self._run([*limit, "systemctl", *words], environ_update=LOCALE)
        if rc != 0:
            said = clean(err or out).strip() or (f"no answer in {LIMIT[-1]} s" if rc == _LATE else f"rc {rc}")
            raise SystemdError(f"systemctl {' '.join(words)} failed: {said}")
        return out

    def show(self, names: list[str]) -> dict[str, dict[str, str]]:
        """Return name -> properties; a unit that does not exist has LoadState not-found."""
        if not names:
            return {}
        found = parse_show(self.call("show", "--property=" + ",".join(PROPERTIES), *map(service, names)))
        return {name: found.get(name, {"LoadState": "not-found", "ActiveState": "inactive"}) for name in names}

    def journal(self, name: str, lines: int) -> list[str]:
        """Return the last lines of a unit's journal."""
        words = ["journalctl", "--no-pager", "--quiet", "--output=cat", f"--lines={lines}", "--unit", service(name)]
        return clean(self._run([*LIMIT, *words], environ_update=LOCALE)[1]).splitlines()
