# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual environment with SGLang or a router: what is there, what is missing, installing it. PRIVATE."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._base import packages
from .._base.files import read

MARKER = ".complete"
UNFINISHED = ".unfinished"
SHOWN_LINES = 15
# Standard output and error go to a file, so that the controller can show how far the installer is.
_LOGGED = ["/bin/sh", "-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "sh"]
# Where it is set, Python would compile everything again at each start of a server.
_ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}


class RuntimeRefused(Exception):
    """The runtime cannot be as wanted; the text says why and what to do."""


@dataclass(frozen=True)
class Request:
    """What shall be installed, and how.

    distribution: the package to install. variables: the prefix of the variables that a user corrects.
    """

    distribution: str
    variables: str
    method: str
    version: str
    root: str
    path: str
    python: str
    installer: str
    uv_version: str
    packages: tuple[str, ...]
    packages_no_deps: tuple[str, ...]
    constraints: tuple[str, ...]
    wheelhouse: str
    installer_args: tuple[str, ...]

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Request:
        """Take the options of the module."""
        values: dict[str, Any] = {name: params[name] or "" for name in cls.__dataclass_fields__}
        for name in ("packages", "packages_no_deps", "constraints", "installer_args"):
            values[name] = tuple(params[name])
        return cls(**values)

    @property
    def version_variable(self) -> str:
        """Return the variable that sets the version: SGLang's is that of the whole collection."""
        return "sglang_version" if self.variables == "sglang_runtime" else f"{self.variables}_version"

    def pins(self) -> list[str]:
        """Return what must be installed in the end."""
        return list(dict.fromkeys((f"{self.distribution}=={self.version}", *self.packages, *self.packages_no_deps)))

    def digest(self) -> str:
        """Return one word for everything that decides what is installed."""
        wanted = (self.packages, self.packages_no_deps, self.constraints)
        return hashlib.sha256(json.dumps(wanted).encode()).hexdigest()


class Venv:
    """The environment that is there."""

    def __init__(self, request: Request) -> None:
        """Find out where it is."""
        self._request = request
        self.current = f"{request.root}/current"
        if request.method == "existing":
            self.path = request.path
            self.interpreter = f"{self.path}/bin/python"
        else:
            self.path = f"{request.root}/{request.version}"
            self.interpreter = f"{self.current}/bin/python"

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
        """Tell whether the link points to this version."""
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
        link = os.readlink(self.current) if os.path.islink(self.current) else "absent"
        return f"{self.path}: {self._request.distribution} {have or 'absent'}\n{self.current}: {link}\n"

    def planned_summary(self) -> str:
        """Return that line as it will be."""
        version = self._request.version
        return f"{self.path}: {self._request.distribution} {version}\n{self.current}: {version}\n"


def can_make_venvs(python: str, run: Callable[..., tuple[int, str, str]]) -> bool:
    """Tell whether an interpreter has all that the module venv needs; distributions split it off."""
    return run([python, "-c", "import ensurepip, venv"])[0] == 0


class Installer:
    """Installs what a request wants."""

    def __init__(self, request: Request, venv: Venv, run: Callable[..., tuple[int, str, str]]) -> None:
        """Keep what is needed."""
        self._request, self._venv, self._run_command = request, venv, run
        self.log = f"{request.root}/.{request.version}.log"
        self._python = f"{venv.path}/bin/python"

    def run(self) -> None:
        """Install, verify, mark as complete, switch."""
        os.makedirs(self._request.root, exist_ok=True)
        if not self._venv.complete():
            self._install()
        if not self._venv.is_current():
            self._switch()

    def _install(self) -> None:
        finished, unfinished = self._venv.finished(), f"{self._venv.path}/{UNFINISHED}"
        with open(self.log, "w", encoding="utf-8"):
            pass
        if finished:
            os.replace(self._venv.marker, unfinished)
        else:
            self._make_venv(unfinished)
        for words in self._commands():
            self._logged(words)
        missing = self._venv.unmet()
        if missing:
            raise RuntimeRefused(
                f"the installer succeeded, but {', '.join(missing)} is not in {self._venv.path}; see {self.log}"
            )
        with open(unfinished, "w", encoding="utf-8") as handle:
            handle.write(self._request.digest())
        os.replace(unfinished, self._venv.marker)

    def _make_venv(self, unfinished: str) -> None:
        python, variables = self._request.python, self._request.variables
        if not can_make_venvs(python, self._run_command):
            raise RuntimeRefused(
                f"{python} does not exist or cannot create virtual environments; install what it needs, such as "
                "python3-venv "
                f"({variables}_system_packages), or name another interpreter in {variables}_python"
            )
        shutil.rmtree(self._venv.path, ignore_errors=True)
        os.makedirs(self._venv.path)
        with open(unfinished, "w", encoding="utf-8"):
            pass
        self._logged([python, "-m", "venv", self._venv.path])

    def _commands(self) -> list[list[str]]:
        request = self._request
        pip = [self._python, "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
        where = ["--no-index", "--find-links", request.wheelhouse] if request.wheelhouse else []
        commands = []
        if request.installer == "uv":
            commands.append([*pip, *where, f"uv=={request.uv_version}"])
            pip = [f"{self._venv.path}/bin/uv", "pip", "install", "--python", self._python, "--compile-bytecode"]
        common = [*pip, *where, *self._constraints(), *request.installer_args]
        if request.packages:
            commands.append([*common, *request.packages])
        if request.packages_no_deps:
            commands.append([*common, "--no-deps", *request.packages_no_deps])
        return commands

    def _constraints(self) -> list[str]:
        if not self._request.constraints:
            return []
        path = f"{self._venv.path}/constraints.txt"
        with open(path, "w", encoding="utf-8") as handle:
            handle.write("\n".join(self._request.constraints) + "\n")
        return ["--constraint", path]

    def _logged(self, words: list[str]) -> None:
        with open(self.log, "a", encoding="utf-8") as handle:
            handle.write(f"run: {' '.join(words)}\n")
        rc = self._run_command([*_LOGGED, self.log, *words], environ_update=_ENVIRONMENT)[0]
        if rc != 0:
            lines = (read(self.log) or "").splitlines()[-SHOWN_LINES:]
            shown = "".join(f"\n  {line}" for line in lines)
            what = f"{self._request.distribution} {self._request.version}"
            raise RuntimeRefused(f"installing {what} failed (rc {rc}); the end of {self.log}:{shown}")

    def _switch(self) -> None:
        temporary = f"{self._venv.current}.new"
        if os.path.lexists(temporary):
            os.unlink(temporary)
        os.symlink(self._request.version, temporary)
        os.replace(temporary, self._venv.current)
