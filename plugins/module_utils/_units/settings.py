# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is the same for every server, or every router, of a host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._base import paths
from . import digest


@dataclass(frozen=True)
class Settings:
    """The options of the module units. runtime: the digest of the packages; the last three are for servers only.

    interpreter: the Python of the units; its path may have the release of each unit in it.
    salt: what the digests of this host's secrets are made with.
    """

    user: str
    group: str
    interpreter: str
    runtime: str
    stop_timeout: int
    options: Mapping[str, Any] = field(default_factory=dict)
    salt: str = field(default="", repr=False)
    barrier_timeout: int = 300
    numactl: tuple[str, ...] = ()
    rdma_devices: tuple[str, ...] = ()

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Settings:
        """Return what the options of the module say, and the runtime of this host."""
        return cls(
            user=params["user"],
            group=params["group"],
            interpreter=params["interpreter"],
            runtime=digest.of_runtime(params["interpreter"]),
            stop_timeout=params["stop_timeout"],
            options=params["service_options"],
            salt=digest.salt(),
            barrier_timeout=params["barrier_timeout"],
            numactl=tuple(params["numactl"]),
            rdma_devices=tuple(params["rdma_devices"]),
        )

    def of_release(self, version: str) -> Settings:
        """Return the settings for the units that run a release, each of which may have an interpreter of its own."""
        if paths.RELEASE not in self.interpreter:
            return self
        interpreter = paths.of_release(self.interpreter, version)
        return replace(self, interpreter=interpreter, runtime=digest.of_runtime(interpreter))


def of_deployment(params: Mapping[str, Any], option: str, deployment: str) -> Mapping[str, Any]:
    """Return what an option such as api_keys has for a deployment. The error has no value: it may be a secret."""
    found = params[option].get(deployment) or {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{option}.{deployment}: it must be a mapping of names to values")
    return found


def check_secret(where: str, value: str) -> None:
    """Refuse a secret that argparse would take for an option, or that a header of HTTP cannot hold.

    where: how the error names it, such as api_keys: api_key. The error has no value.
    """
    if value.startswith("-") or value != value.strip() or "\n" in value:
        raise ValueError(f"{where} must not contain a line break, begin with a dash, or begin or end with a space")
