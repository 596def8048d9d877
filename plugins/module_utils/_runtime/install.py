# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install an environment: with pip or uv, in a new virtual environment, in the free space that it needs. PRIVATE."""

from __future__ import annotations

import os
import shutil

from .._base.files import read
from .._base.text import clean, masked
from . import python
from .python import Python, Run
from .request import Request, RuntimeRefused
from .venv import MARKER, UNFINISHED, Venv

SHOWN_LINES = 15
HASHES = "--require-hashes"
# Standard output and error go to a file, so that the controller can show how far the installer is.
_LOGGED = ["/bin/sh", "-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "sh"]
# Where it is set, Python would compile everything again at each start of a server. uv trusts its own authorities
# otherwise, and not those of the host.
_ENVIRONMENT = {
    "PYTHONDONTWRITEBYTECODE": "",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PYTHONUNBUFFERED": "1",
    "UV_SYSTEM_CERTS": "1",
}


def examine(request: Request, venv: Venv, run: Run) -> tuple[list[str], Python | None]:
    """Return what has to be done, in words, and the interpreter if an environment has to be created."""
    actions = venv.examine()
    if not actions or not venv.must_be_made():
        return actions, None
    chosen = python.choose(request, run)
    if not os.path.isdir(venv.path):
        check_room(request)
    if chosen.missing:
        actions.insert(0, f"install Python {chosen.managed} in {python.folder(request)}")
    return actions, chosen


class Installer:
    """Installs what a request wants."""

    def __init__(self, request: Request, venv: Venv, chosen: Python | None, run: Run) -> None:
        """Keep what is needed. chosen: the interpreter that creates the environment, none where one exists."""
        self._request, self._venv, self._chosen, self._run_command = request, venv, chosen or Python(""), run
        self.log = f"{request.root}/.{request.version}.log"
        # Here, as gigabytes of packages do not fit into the memory that /tmp may be.
        self._temporary = f"{request.root}/.{request.version}.tmp"
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
            # An index says in it what it likes, and to whom.
            os.chmod(self.log, 0o600)
        shutil.rmtree(self._temporary, ignore_errors=True)
        os.mkdir(self._temporary, 0o700)
        try:
            if finished:
                os.replace(self._venv.marker, unfinished)
            else:
                self._make_venv(unfinished)
            for words in self._commands():
                self._logged(words)
        finally:
            shutil.rmtree(self._temporary, ignore_errors=True)
        missing = self._venv.unmet()
        if missing:
            raise RuntimeRefused(
                f"the installer succeeded, but {', '.join(missing)} is not in {self._venv.path}; see {self.log}"
            )
        with open(unfinished, "w", encoding="utf-8") as handle:
            handle.write(self._request.digest())
        os.replace(unfinished, self._venv.marker)

    def _make_venv(self, unfinished: str) -> None:
        maker = self._chosen.maker
        if not python.can_make_venvs(maker, self._run_command):
            raise RuntimeRefused(
                f"{maker} does not exist or cannot create virtual environments (expected its modules venv and "
                "ensurepip). Fix: install them (Debian and Ubuntu: python3-venv), or name another interpreter in "
                "sglang_runtime_python"
            )
        shutil.rmtree(self._venv.path, ignore_errors=True)
        check_room(self._request)
        if self._chosen.missing:
            self._install_python()
        os.makedirs(self._venv.path)
        with open(unfinished, "w", encoding="utf-8"):
            pass
        self._logged([self._chosen.path, "-m", "venv", self._venv.path])

    def _install_python(self) -> None:
        """Install an interpreter with uv, which a throw-away environment of another one brings."""
        request, tools, folder = self._request, f"{self._temporary}/uv", python.folder(self._request)
        mirror = request.python_mirror
        if mirror.startswith("/"):
            mirror = f"file://{mirror}"
        pip = [f"{tools}/bin/python", "-m", "pip", "install", "--no-input", "--progress-bar", "off", *request.origin()]
        # The installer's own arguments are for pip if pip is the installer.
        further = request.installer_args if request.installer == "pip" else ()
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{MARKER}", "w", encoding="utf-8"):
            pass
        fetch = [f"{tools}/bin/uv", "python", "install", "--no-bin", "--no-cache", "--install-dir", folder]
        try:
            self._logged([self._chosen.maker, "-m", "venv", tools])
            self._logged([*pip, *further, f"uv=={request.uv_version}"])
            self._logged([*fetch, *(["--mirror", mirror] if mirror else []), self._chosen.managed])
        except RuntimeRefused as error:
            why = f"{self._chosen.why}, and " if self._chosen.why else ""
            raise RuntimeRefused(
                f"{why}uv cannot install Python {self._chosen.managed}. Fix: set sglang_runtime_python_mirror to "
                "a mirror or to a directory of this host, or install a Python yourself and set sglang_runtime_python "
                f"to its path.\n{error}"
            ) from error
        # uv makes it writable for everybody.
        if os.path.exists(f"{folder}/.lock"):
            os.chmod(f"{folder}/.lock", 0o644)
        self._chosen = python.managed(request, self._chosen.managed)
        if self._chosen.missing:
            raise RuntimeRefused(f"uv succeeded, but Python {self._chosen.managed} is not in {folder}; see {self.log}")

    def _commands(self) -> list[list[str]]:
        request = self._request
        pip = [self._python, "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
        where = request.origin()
        commands = []
        if request.installer == "uv":
            commands.append([*pip, *where, f"uv=={request.uv_version}"])
            pip = [f"{self._venv.path}/bin/uv", "pip", "install", "--python", self._python, "--compile-bytecode"]
        common, packages = [*pip, *where, *request.installer_args], list(request.packages)
        if request.lock:
            commands.append([*common, HASHES, "--requirement", self._write("lock.txt", request.lock)])
            packages = request.beyond_lock()
        constraints = [*request.constraints, *pins(request.lock)]
        if constraints:
            common += ["--constraint", self._write("constraints.txt", "\n".join(constraints) + "\n")]
        if packages:
            commands.append([*common, *packages])
        if request.packages_no_deps:
            commands.append([*common, "--no-deps", *request.packages_no_deps])
        return commands

    def _write(self, name: str, text: str) -> str:
        path = f"{self._venv.path}/{name}"
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(text)
        return path

    def _logged(self, words: list[str]) -> None:
        with open(self.log, "a", encoding="utf-8") as handle:
            handle.write(masked(f"run: {' '.join(words)}\n"))
        environment = {**_ENVIRONMENT, **self._request.environment(), "TMPDIR": self._temporary}
        if HASHES in words:
            # In place of the host's own constraints, which have no hashes: a lock leaves nothing open.
            environment |= dict.fromkeys(("PIP_CONSTRAINT", "UV_CONSTRAINT"), words[-1])
        rc = self._run_command([*_LOGGED, self.log, *words], environ_update=environment)[0]
        if rc != 0:
            lines = (read(self.log) or "").splitlines()[-SHOWN_LINES:]
            shown = "".join(f"\n  {masked(clean(line))}" for line in lines)
            room = f"{self._request.root} has {free_gib(self._request.root):.1f} GiB free"
            raise RuntimeRefused(
                f"installing {self._request.title} failed (rc {rc}), {room}; the end of {self.log}:{shown}"
                f"{self._hint(shown)}"
            )

    def _hint(self, shown: str) -> str:
        """Return what may help where the index lacks a wheel or has another file."""
        variables = self._request.variables
        if "HASHES" in shown.upper():
            return f"\nThe lock of this release has other files; see {variables}_lock"
        if self._request.wheels_only and ("no usable wheels" in shown or "No matching distribution" in shown):
            return "\nOnly wheels are installed; sglang_runtime_wheels_only: false also builds packages, as root"
        return ""

    def _switch(self) -> None:
        temporary = f"{self._venv.current}.new"
        if os.path.lexists(temporary):
            os.unlink(temporary)
        os.symlink(self._request.version, temporary)
        os.replace(temporary, self._venv.current)


def pins(lock: str) -> list[str]:
    """Return the requirements of a lock without their hashes."""
    lines = (line for line in lock.splitlines() if line[:1].isalnum())
    return [line.rstrip("\\ ").partition(" --hash")[0] for line in lines]


def free_gib(path: str) -> float:
    """Return the free space of the file system on which a directory is, or will be."""
    while not os.path.exists(path) and path != "/":
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free / 2**30


def check_room(request: Request) -> None:
    """Refuse a host on which a new environment does not fit."""
    free = free_gib(request.root)
    if free < request.free_gib:
        raise RuntimeRefused(
            f"{request.root} has {free:.1f} GiB free (expected {request.free_gib:g} GiB to install {request.title}, "
            f"see {request.variables}_free_gib). Fix: free space there, or set {request.variables}_root to a directory "
            "on a larger disk"
        )
