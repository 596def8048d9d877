# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of the module units to the units of the servers. PRIVATE to the collection."""

from __future__ import annotations

import os
from typing import Any

from .._base import packages
from .._base.files import Directory, File
from .._base.systemd import service
from . import models, router, server
from .apply import UnitFiles, UnitsError, Wanted
from .server import Settings, Unit


def wanted_units(params: dict[str, Any]) -> Wanted:
    """Return the servers that the host shall have."""
    settings = Settings(
        user=params["user"],
        group=params["group"] or params["user"],
        config_dir=params["config_dir"],
        interpreter=params["interpreter"],
        helper=params["helper_path"],
        rdma_helper=f"{os.path.dirname(params['helper_path'])}/rdma.py",
        runtime=packages.digest(packages.installed(packages.prefix_of(params["interpreter"]))),
        barrier_timeout=params["barrier_timeout"],
        stop_timeout=params["stop_timeout"],
        numactl=tuple(params["numactl"]),
        rdma_devices=tuple(params["rdma_devices"]),
        options=tuple(params["service_options"].items()),
    )
    planned = [Unit.from_plan(item) for item in params["units"]]
    units = tuple(models.resolved(unit, params["releases"]) for unit in planned)
    if settings.numactl and units and not os.path.exists(server.NUMACTL):
        raise UnitsError(f"{server.NUMACTL} is not on this host; install the package numactl or leave numactl out")
    return Wanted(
        # Routers too: where a host has none any more, no play for routers runs on it.
        markers=(server.MARKER, router.MARKER),
        units=tuple(_unit_files(unit, settings, params) for unit in units),
        shared=(
            Directory(os.path.dirname(settings.helper), 0o755),
            File(settings.helper, params["helper_source"], 0o755, bulky=True),
            File(settings.rdma_helper, params["rdma_helper_source"], 0o755, bulky=True),
        ),
        interpreter=settings.interpreter,
        remedy="run the role sglang_runtime or correct sglang_server_python",
        models=tuple(sorted({path for unit in planned for path in models.links(unit)})),
        config_dir=settings.config_dir,
        unit_dir=params["unit_dir"],
        prune=params["prune"],
        keep=tuple(params["keep"]),
    )


def _unit_files(unit: Unit, settings: Settings, params: dict[str, Any]) -> UnitFiles:
    keys = server.keys_text(params["api_keys"].get(unit.deployment) or {})
    directory = settings.directory(unit)
    keys_path = f"{directory}/keys.yaml"
    environment, digest = server.environment_text(unit, settings, keys)
    items: list[File | Directory] = [
        Directory(directory, 0o750, group=settings.group),
        File(f"{directory}/environment", environment, 0o640, group=settings.group),
    ]
    if keys:
        items.append(File(keys_path, keys, 0o600, settings.user, settings.group, secret=True))
    items.append(
        File(f"{params['unit_dir']}/{service(unit.name)}", server.unit_text(unit, settings, bool(keys)), 0o644)
    )
    return UnitFiles(unit.name, digest, tuple(items), () if keys else (keys_path,))
