# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The arguments of the modules host_check and preflight, and the settings of the checks that they give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import driver, host, nccl, rdma
from .judge import Settings
from .same import KINDS

DRIVER = {
    "minimum": {"type": "str", "required": True},
    "branch": {"type": "str", "default": ""},
    "version": {"type": "str", "default": ""},
    "open_modules": {"type": "bool"},
    "ibgda": {"type": "bool", "default": False},
}
NCCL = {
    "minimum": {"type": "str", "required": True},
    "denylist": {"type": "list", "elements": "dict", "default": []},
}
RDMA = {
    "required": {"type": "bool", "default": False},
    "devices": {"type": "list", "elements": "str", "default": []},
    "minimum_rate_gbps": {"type": "float", "default": 0},
    "minimum_mtu": {"type": "int", "default": 0},
    "peermem": {"type": "bool", "default": True},
}
HOST = {
    "gpus": {"type": "bool", "default": True},
    "free_gib": {"type": "dict", "default": {}},
    "install_gib": {"type": "dict", "default": {}},
    "resolver_seconds": {"type": "float", "default": 2},
    "clock_seconds": {"type": "float", "default": 1},
    "prune": {"type": "bool", "default": True},
}
SAME = {"type": "list", "elements": "str", "choices": list(KINDS), "default": []}
HOST_CHECK = {
    "driver": {"type": "dict", "options": DRIVER},
    "nccl": {"type": "dict", "options": NCCL},
    "rdma": {"type": "dict", "options": RDMA},
    "host": {"type": "dict", "options": HOST},
    "same": SAME,
}
PREFLIGHT = {**HOST, "same": {**SAME, "default": list(KINDS)}}


def settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings that host_check was given."""
    given_nccl, given_rdma = given["nccl"], given["rdma"]
    return Settings(
        driver=driver.Wanted(**given["driver"]) if given["driver"] else None,
        nccl=nccl.Wanted(given_nccl["minimum"], tuple(given_nccl["denylist"])) if given_nccl else None,
        rdma=_rdma(given_rdma) if given_rdma is not None else None,
        host=host_wanted(given["host"]) if given["host"] is not None else None,
    )


def host_wanted(given: Mapping[str, Any]) -> host.Wanted:
    """Return the settings that preflight was given."""
    rooms = {
        name: {path: float(amount) for path, amount in given[name].items()} for name in ("free_gib", "install_gib")
    }
    return host.Wanted(
        gpus=given["gpus"],
        resolver_seconds=given["resolver_seconds"],
        clock_seconds=given["clock_seconds"],
        prune=given["prune"],
        **rooms,
    )


def _rdma(given: Mapping[str, Any]) -> rdma.Wanted:
    return rdma.Wanted(
        required=given["required"],
        devices=tuple(given["devices"]),
        minimum_rate=given["minimum_rate_gbps"],
        minimum_mtu=given["minimum_mtu"],
        peermem=given["peermem"],
    )
