# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which interpreter creates an environment: the host's, or one of its own where that is too old. PRIVATE."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

from . import needs
from .request import Request, RuntimeRefused

AUTO = "auto"
# The Python that uv installs where the host's will not do: one that every known release of SGLang takes.
MANAGED = "3.12"
FOLDER = "python"
_MANAGED = re.compile(r"\d+\.\d+(\.\d+)?\Z")
_VERSION = "import sys; print(*sys.version_info[:3])"
Run = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Python:
    """An interpreter, or one that uv has still to install.

    path: the interpreter, empty until it is installed. managed: its version if uv installs it, else empty. why: why it
    is not the host's, for messages.
    """

    path: str
    managed: str = ""
    why: str = ""

    @property
    def missing(self) -> bool:
        """Return whether it must be installed."""
        return not self.path

    @property
    def maker(self) -> str:
        """Return the interpreter that creates the next environment: uv itself needs one, before it has any other."""
        return self.path or sys.executable


def choose(request: Request, run: Run) -> Python:
    """Return the interpreter for a new environment, or refuse a host on which none will do."""
    wanted = needs.of(request.distribution, request.version)
    _check_glibc(request, wanted)
    if _MANAGED.match(request.python):
        _refuse_unfit(request, wanted, needs.numbers(request.python), f"sglang_runtime_python {request.python}")
        return managed(request, request.python)
    name = "python3" if request.python == AUTO else request.python
    have = version_of(name, run)
    if request.python == AUTO and not (have and wanted.take(have)):
        found = f"python3 of this host is Python {needs.spell(have)}" if have else "this host has no python3"
        return managed(request, MANAGED, _text(request, wanted, found))
    # Packages that are still to be installed may bring one that is not there.
    _refuse_unfit(request, wanted, have, name)
    return Python(name)


def version_of(python: str, run: Run) -> needs.Version | None:
    """Return the version of an interpreter, None where there is none."""
    rc, out, _err = run([python, "-c", _VERSION])
    return tuple(int(part) for part in out.split()) if rc == 0 else None


def managed(request: Request, version: str, why: str = "") -> Python:
    """Return the Python of a version that uv has installed, or that it has to install."""
    pattern = (
        f"{glob.escape(folder(request))}/cpython-{version}[.-]*/bin/python{needs.spell(needs.numbers(version)[:2])}"
    )
    # uv's link for 3.12 leads to the newest 3.12 it has; an environment keeps the one that it was made with.
    found = [path for path in glob.glob(pattern) if os.access(path, os.X_OK)]
    exact = sorted(
        {os.path.realpath(path) for path in found}, key=lambda path: needs.numbers(path.split("cpython-")[-1])
    )
    return Python(exact[-1] if exact else "", version, why)


def folder(request: Request) -> str:
    """Return the directory of the interpreters that uv installs."""
    return f"{request.root}/{FOLDER}"


def can_make_venvs(python: str, run: Run) -> bool:
    """Tell whether an interpreter has all that the module venv needs; distributions split it off."""
    return run([python, "-c", "import ensurepip, venv"])[0] == 0


def _text(request: Request, wanted: needs.Needs, found: str) -> str:
    return f"{found} (expected {wanted.words()} for {request.title})"


def _refuse_unfit(request: Request, wanted: needs.Needs, have: needs.Version | None, name: str) -> None:
    if have and not wanted.take(have):
        found = name if name.endswith(needs.spell(have)) else f"{name} is Python {needs.spell(have)}"
        raise RuntimeRefused(
            f"{_text(request, wanted, found)}. Fix: set sglang_runtime_python: auto, which installs another Python in "
            f"{folder(request)}, or name an interpreter that will do"
        )


def _check_glibc(request: Request, wanted: needs.Needs) -> None:
    have = glibc()
    if have and wanted.glibc and have < wanted.glibc:
        raise RuntimeRefused(
            f"this distribution has glibc {needs.spell(have)} (expected {needs.spell(wanted.glibc)} or later for "
            f"{request.title}). Fix: upgrade the distribution of this host, or use an older release of SGLang; see "
            "docs/distributions.md"
        )


def glibc() -> needs.Version:
    """Return the version of the C library, nothing where it is another one."""
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return ()
    return needs.numbers(name.rpartition(" ")[2]) if name.startswith("glibc ") else ()
