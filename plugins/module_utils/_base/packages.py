# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python packages an interpreter has, read from its directories. PRIVATE to the collection."""

from __future__ import annotations

import glob
import hashlib
import os
import re

_PATTERNS = ("lib/python3*/site-packages", "lib/python3*/dist-packages", "lib/python3/dist-packages")
_PYTHON = re.compile(r"/lib/python(3\.\d+)/[a-z]+-packages$")
_METADATA = re.compile(r"(?P<name>.+?)-(?P<version>\d[^-]*)(-py[0-9.]+)?\.(dist-info|egg-info)\Z")


def normalize(name: str) -> str:
    """Return the name of a package as all its spellings are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def prefix_of(interpreter: str) -> str:
    """Return the directory that holds bin/ of an interpreter, symlinks to a version resolved."""
    return os.path.dirname(os.path.realpath(os.path.dirname(interpreter)))


def from_names(names: list[str]) -> dict[str, str]:
    """Return package -> version from the names of metadata directories."""
    matches = filter(None, map(_METADATA.match, names))
    return {normalize(match.group("name")): match.group("version") for match in matches}


def installed(prefix: str) -> dict[str, str]:
    """Return package -> version below a prefix, with the version of Python that they were installed for."""
    names, pythons = [], set()
    for pattern in _PATTERNS:
        for directory in glob.glob(os.path.join(prefix, pattern)):
            names.extend(os.listdir(directory))
            pythons.update(_PYTHON.findall(directory))
    found = from_names(names)
    # A prefix such as /usr may have several.
    return dict(sorted({**found, **({"python": pythons.pop()} if found and len(pythons) == 1 else {})}.items()))


def digest(packages: dict[str, str]) -> str:
    """Return one word that is the same where the packages are the same, empty where there are none."""
    text = "".join("{}=={}\n".format(*item) for item in sorted(packages.items()))
    return hashlib.sha256(text.encode()).hexdigest() if packages else ""


def unmet(requirements: list[str], packages: dict[str, str]) -> list[str]:
    """Return the exact pins that are not installed; a pin without a local version takes any (2.13.0+cpu)."""
    return [requirement for requirement in requirements if not _met(requirement, packages)]


def _met(requirement: str, packages: dict[str, str]) -> bool:
    name, pinned, version = requirement.partition("==")
    if not pinned:
        return True
    have = packages.get(normalize(name.split("[")[0].strip()), "")
    return version.strip() in (have, have.partition("+")[0])
