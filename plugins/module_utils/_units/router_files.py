# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of the module router_units to the units of the routers. PRIVATE to the collection."""

from __future__ import annotations

from typing import Any

from .._base import packages
from .._base.files import Directory, File
from .._base.systemd import service
from .apply import UnitFiles, Wanted
from .router import CREDENTIAL, MARKER, Router, Settings, digest, environment_text, secrets_text, unit_text


def wanted_routers(params: dict[str, Any]) -> Wanted:
    """Return the routers that the host shall have."""
    settings = Settings(
        user=params["user"],
        group=params["group"] or params["user"],
        config_dir=params["config_dir"],
        interpreter=params["interpreter"],
        lib_dir=params["lib_dir"],
        runtime=packages.digest(packages.installed(packages.prefix_of(params["interpreter"]))),
        stop_timeout=params["stop_timeout"],
        options=tuple(params["service_options"].items()),
    )
    return Wanted(
        markers=(MARKER,),
        units=tuple(_unit_files(Router.from_plan(item), settings, params) for item in params["routers"]),
        shared=(
            Directory(settings.lib_dir, 0o755),
            File(settings.launcher, params["launcher_source"], 0o755, bulky=True),
            File(settings.prestart, params["prestart_source"], 0o755, bulky=True),
        ),
        interpreter=settings.interpreter,
        remedy="run the role sglang_router with its tag install, or correct sglang_router_path",
        config_dir=settings.config_dir,
        unit_dir=params["unit_dir"],
        prune=params["prune"],
        keep=tuple(params["keep"]),
    )


def _unit_files(router: Router, settings: Settings, params: dict[str, Any]) -> UnitFiles:
    secrets = secrets_text(params["secrets"].get(router.deployment) or {})
    directory = settings.directory(router)
    secrets_path = f"{directory}/{CREDENTIAL}"
    generation = digest(router, settings, secrets)
    items: list[File | Directory] = [
        Directory(directory, 0o750, group=settings.group),
        File(f"{directory}/environment", environment_text(generation), 0o640, group=settings.group),
    ]
    if secrets:
        # systemd hands them to the router; its user cannot read this file.
        items.append(File(secrets_path, secrets, 0o600, secret=True))
    text = unit_text(router, settings, bool(secrets))
    items.append(File(f"{params['unit_dir']}/{service(router.name)}", text, 0o644))
    return UnitFiles(router.name, generation, tuple(items), () if secrets else (secrets_path,))
