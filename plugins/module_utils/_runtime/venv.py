# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment with SGLang or a router: what is there, and what is missing. PRIVATE to the collection."""

from __future__ import annotations

import os

from .._base import packages
from .._base.files import read
from .request import Request, RuntimeRefused

MARKER = ".complete"
UNFINISHED = ".unfinished"
# The link to the version that is used where no other one is named.
CURRENT = "current"


class Venv:
    """The environment that is there."""

    def __init__(self, request: Request) -> None:
        """Find out where it is."""
        self._request = request
        self.current = f"{request.root}/{CURRENT}"
        if request.method == "existing":
            self.path = request.path
        else:
            self.path = f"{request.root}/{request.version}"
        self.interpreter = f"{self.path}/bin/python"

    @property
    def marker(self) -> str:
        """Return the path of the file that is written last."""
        return f"{self.path}/{MARKER}"

    def packages(self) -> tuple[dict[str, str], str]:
        """Return package -> version and the digest of all; nothing where the distribution is not there."""
        found = packages.installed(os.path.realpath(self.path))
        return (found, packages.digest(found)) if packages.normalize(self._request.distribution) in found else ({}, "")

    def version(self) -> str | None:
        """Return the version that is installed, None where there is none."""
        return self.packages()[0].get(packages.normalize(self._request.distribution))

    def finished(self) -> bool:
        """Tell whether the last installation came to its end."""
        return os.path.exists(self.marker)

    def must_be_made(self) -> bool:
        """Tell whether there is none that could be repaired."""
        return self._request.method != "existing" and not self.finished()

    def complete(self) -> bool:
        """Tell whether exactly what is wanted was installed and is still there."""
        return read(self.marker) == self._request.digest() and not self.unmet()

    def unmet(self) -> list[str]:
        """Return the pins that are not installed."""
        return packages.unmet(self._request.pins(), self.packages()[0])

    def examine(self) -> list[str]:
        """Return what has to be done, in words; an existing runtime is refused if it is not what is wanted."""
        request = self._request
        if request.method == "existing":
            self._verify_existing()
            return []
        actions = []
        self._refuse_foreign()
        if not self.complete():
            kind = "repair" if self.finished() else "create"
            wanted = " ".join((*request.packages, *request.packages_no_deps))
            actions = [f"{kind} {self.path}", f"install {wanted}"]
        if not self.is_current():
            actions.append(f"switch {self.current} to {request.version}")
        return actions

    def _refuse_foreign(self) -> None:
        ours = self.finished() or os.path.exists(f"{self.path}/{UNFINISHED}")
        if os.path.isdir(self.path) and os.listdir(self.path) and not ours:
            raise RuntimeRefused(
                f"{self.path} was not created by this collection; remove it, or use it with "
                f"{self._request.variables}_method: "
                f"existing and {self._request.variables}_path: {self.path}"
            )

    def is_current(self) -> bool:
        """Tell whether the link leads where it should; it is not asked of a version that another one has it."""
        return not self._request.current or self._leads_here()

    def _leads_here(self) -> bool:
        return os.path.islink(self.current) and os.readlink(self.current) == self._request.version

    def _verify_existing(self) -> None:
        name, version, variables = self._request.distribution, self._request.version, self._request.variables
        if not os.access(self.interpreter, os.X_OK):
            raise RuntimeRefused(
                f"{self.interpreter} is not an interpreter; correct {variables}_path or install {name} there"
            )
        have = self.version()
        if have != version:
            has = f"{name} {have}" if have else f"no {name}"
            raise RuntimeRefused(
                f"{self.path} has {has}, but {self._request.version_variable} is {version}; "
                "install that version there or correct the variable"
            )

    def summary(self) -> str:
        """Return a line for the diff."""
        have = self.version() if self._request.method == "existing" or self.finished() else None
        return self._summary(have or "absent", os.readlink(self.current) if os.path.islink(self.current) else "absent")

    def planned_summary(self) -> str:
        """Return that line as it will be."""
        return self._summary(self._request.version, self._request.version)

    def _summary(self, version: str, link: str) -> str:
        shown = f"{self.current}: {link}\n" if self._request.current else ""
        return f"{self.path}: {self._request.distribution} {version}\n{shown}"
