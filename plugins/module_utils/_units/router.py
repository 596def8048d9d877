# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of a router: its text and its secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._base import ours, paths
from .._base.files import Directory, File
from .._base.systemd import service
from .._plan import plain
from .._plan.types import RouterUnit
from .._plan.words import router_argv, url, worker_words
from .._prestart import CREDENTIAL
from . import digest, hardening, programs, text
from .apply import UnitFiles, Wanted
from .settings import Settings, check_secret, of_deployment

# How long a router counts as starting while it has no workers that answer. So routers can restart one after the other.
READY_SECONDS = 20
OWNED_OPTIONS = (
    "EnvironmentFile", "ExecStart", "ExecStartPost", "ExecStartPre", "Group", "RuntimeDirectory", "Type", "User",
)  # fmt: skip
_PRIVILEGED_PORTS = 1024


def wanted_routers(params: Mapping[str, Any]) -> Wanted:
    """Return the routers of the plan with their files."""
    settings = Settings.from_params(params)
    units = plain.each(RouterUnit, params["routers"], "routers")
    return Wanted(
        markers=(ours.ROUTER_MARKER,),
        units=tuple(unit_files(unit, settings, secrets_text(_secrets(unit, params))) for unit in units),
        interpreters=(settings.interpreter,) if units else (),
        fix="run the role sglang_router with its tag install, or correct sglang_router_path",
        prune=params["prune"],
        salt=settings.salt,
        keep=tuple(params["keep"]),
    )


def _secrets(unit: RouterUnit, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return option -> value: the servers' API key, which clients show to the router, and further secret options."""
    if unit.deployment in params["api_keys"]:
        key = of_deployment(params, "api_keys", unit.deployment).get("api_key")
    else:
        key = params["api_key"]
    return {"api-key": key, **of_deployment(params, "secret_options", unit.deployment)}


def secrets_text(secrets: Mapping[str, Any]) -> str:
    """Return the text of secrets.json, the arguments that the launcher appends; empty where there is none."""
    arguments: list[str] = []
    for option in sorted(secrets):
        values = secrets[option] if isinstance(secrets[option], (list, tuple)) else [secrets[option]]
        texts = [str(value) for value in values if value not in (None, "")]
        if not re.match(r"[a-z0-9][a-z0-9-]*\Z", option):
            raise ValueError(
                f"secret_options: {option!r} is not an option; write it without dashes before it, such as redis-url"
            )
        for value in texts:
            check_secret(f"secret_options: {option}", value)
        arguments += [f"--{option}", *texts] if texts else []
    return json.dumps(arguments) + "\n" if arguments else ""


def unit_files(unit: RouterUnit, settings: Settings, secrets: str) -> UnitFiles:
    """Return the files of a router and its generation. Its workers are no part of it: they change while it runs."""
    directory = _directory(unit)
    shared = digest.agreed(unit.digest, (), settings.runtime)
    # Whether its workers are prefill and decode is on its command line only.
    lasting = [*router_argv(unit, with_workers=False), *worker_words(unit.workers)[:1]]
    secret = digest.of_secret(secrets, settings.salt)
    generation = digest.generation(shared, secret, unit_text(unit, settings, bool(secrets), lasting))
    digests = {"SGLANG_PLAN_DIGEST": unit.digest, "SGLANG_UNIT_DIGEST": generation}
    lines = [ours.ROUTER_MARKER, *(text.environment_line(*item) for item in digests.items())]
    secrets_path = f"{directory}/{CREDENTIAL}"
    items: tuple[File | Directory, ...] = (
        Directory(directory, 0o750, group=settings.group),
        File(f"{directory}/environment", "\n".join(lines) + "\n", 0o640, group=settings.group),
        # systemd passes them to the router; its user cannot read this file.
        *([File(secrets_path, secrets, 0o600, secret=True)] if secrets else []),
        File(
            f"{paths.UNIT_DIR}/{service(unit.name)}",
            unit_text(unit, settings, bool(secrets), router_argv(unit)),
            0o644,
        ),
    )
    return UnitFiles(unit.name, generation, items, () if secrets else (secrets_path,))


def unit_text(unit: RouterUnit, settings: Settings, with_secrets: bool, command: Sequence[str]) -> str:
    """Return the unit file. command: what the router runs, -m first."""
    directory = _directory(unit)
    # -I: nothing of the unit's environment or of the current directory decides which code runs.
    launcher = [settings.interpreter, "-IB", programs.router_launcher()]
    ports = [f"{purpose}={port}" for purpose, port in sorted(unit.ports.items())]
    check = text.joined([*text.SYSTEM_PYTHON, programs.prestart(), "ports", *ports])
    run = "run-with-secrets" if with_secrets else "run"
    return text.unit_file(
        ours.ROUTER_MARKER,
        ours.router_title(unit.deployment),
        [],
        [
            "User=" + settings.user,
            "Group=" + settings.group,
            "RuntimeDirectory=sglang/" + text.checked_name(unit.name, "routers"),
            f"EnvironmentFile={directory}/environment",
            *([f"LoadCredential={CREDENTIAL}:{directory}/{CREDENTIAL}"] if with_secrets else []),
            "ExecStartPre=+" + check,
            "ExecStart=" + text.command_lines([*launcher, run, *command[1:]]),
            "ExecStartPost=-" + text.joined([*launcher, "wait", url(unit), str(READY_SECONDS)]),
            *text.service_lines(_service_options(unit, settings), settings.options, OWNED_OPTIONS),
        ],
    )


def _directory(unit: RouterUnit) -> str:
    return f"{paths.CONFIG_DIR}/{unit.name}"


def _service_options(unit: RouterUnit, settings: Settings) -> dict[str, Any]:
    privileged = any(int(port) < _PRIVILEGED_PORTS for port in unit.ports.values())
    capabilities = "CAP_NET_BIND_SERVICE" if privileged else ""
    options = {
        "Restart": "always",
        "RestartSec": 2,
        "TimeoutStartSec": READY_SECONDS + 40,
        "TimeoutStopSec": settings.stop_timeout,
        "LimitNOFILE": 1048576,
        "CapabilityBoundingSet": capabilities,
        "AmbientCapabilities": capabilities,
        **hardening.ROUTER,
    }
    if unit.option("enable-wasm"):
        # Its plug-ins are compiled while it runs.
        del options["MemoryDenyWriteExecute"]
    return options
