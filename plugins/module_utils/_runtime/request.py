# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shall be installed, as the module was asked. PRIVATE to the collection."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from .._base.paths import of_release
from .._base.text import has_credentials

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
    lock: requirements with hashes, empty for none. lock_digest: that of a lock which the user has made.
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
    index_url: str = field(repr=False)
    wheels_only: bool
    lock: str = field(repr=False)
    lock_digest: str
    free_gib: float

    @classmethod
    def from_params(cls, params: dict[str, Any], version: str) -> Request:
        """Take the options of the module for one of the versions."""
        texts = {name: params.get(name) or "" for name in cls.__dataclass_fields__}
        lists = {name: tuple(of_release(text, version) for text in params[name]) for name in LISTS}
        own = {"version": version, "current": version == (params["current"] or params["versions"][0])}
        path = of_release(params["path"] or "", version)
        lock = {"lock": params["locks"].get(version, ""), "lock_digest": params["lock_digests"].get(version, "")}
        plain = {name: params[name] for name in ("free_gib", "wheels_only")}
        request = cls(**{**texts, **lists, **own, **lock, **plain, "path": path})
        request.refuse_credentials()
        return request

    def refuse_credentials(self) -> None:
        """Refuse passwords where every user of the host would see them."""
        if any(map(has_credentials, (*self.installer_args, self.python_mirror))):
            raise RuntimeRefused(
                "sglang_runtime_installer_args or sglang_runtime_python_mirror has a URL with a user or a password, "
                "which every account of the host would see. Fix: set sglang_runtime_index_url, which nobody sees, or "
                "put them into the file .netrc of root on the hosts"
            )

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
        lock = (self.lock_digest,) if self.lock_digest else ()
        wanted = (self.packages, self.packages_no_deps, self.constraints, *lock)
        return hashlib.sha256(json.dumps(wanted).encode()).hexdigest()

    def beyond_lock(self) -> list[str]:
        """Return the packages that a lock does not have."""
        return [one for one in self.packages if one != f"{self.distribution}=={self.version}"]

    def origin(self) -> list[str]:
        """Return the arguments that say where packages come from: a wheelhouse, or an index; what runs no code."""
        offline = ["--no-index", "--find-links", self.wheelhouse] if self.wheelhouse else []
        return [*offline, *(["--only-binary", ":all:"] if self.wheels_only else [])]

    def environment(self) -> dict[str, str]:
        """Return the environment of an installer: what is in its arguments, every account of the host can see."""
        return {"PIP_INDEX_URL": self.index_url, "UV_DEFAULT_INDEX": self.index_url} if self.index_url else {}
