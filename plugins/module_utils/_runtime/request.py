# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shall be installed, as the module was asked. PRIVATE to the collection."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from .._base.paths import of_release

# What a distribution is called in messages.
TITLES = {"sglang": "SGLang"}
LISTS = ("packages", "packages_no_deps", "constraints", "installer_args")


class RuntimeRefused(Exception):
    """The runtime cannot be as wanted; the text says why and what to do."""


@dataclass(frozen=True)
class Request:
    """What shall be installed, and how.

    distribution: the package to install. variables: the prefix of the variables that a user corrects. current: whether
    the link of that name leads to this version. free_gib: the free space in GiB that a new environment needs.
    """

    distribution: str
    variables: str
    method: str
    version: str
    root: str
    path: str
    current: bool
    python: str
    python_mirror: str
    installer: str
    uv_version: str
    packages: tuple[str, ...]
    packages_no_deps: tuple[str, ...]
    constraints: tuple[str, ...]
    wheelhouse: str
    installer_args: tuple[str, ...]
    free_gib: float

    @classmethod
    def from_params(cls, params: dict[str, Any], version: str) -> Request:
        """Take the options of the module for one of the versions."""
        texts = {name: params.get(name) or "" for name in cls.__dataclass_fields__}
        lists = {name: tuple(of_release(text, version) for text in params[name]) for name in LISTS}
        own = {"version": version, "current": version == (params["current"] or params["versions"][0])}
        path = of_release(params["path"] or "", version)
        return cls(**{**texts, **lists, **own, "path": path, "free_gib": params["free_gib"]})

    @property
    def title(self) -> str:
        """Return what is installed, as messages call it."""
        return f"{TITLES.get(self.distribution, self.distribution)} {self.version}"

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

    def offline(self) -> list[str]:
        """Return the arguments that keep an installer away from every package index."""
        return ["--no-index", "--find-links", self.wheelhouse] if self.wheelhouse else []
