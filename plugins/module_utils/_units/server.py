# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of a server: its text, its environment and its keys."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from .._base import ours, paths
from .._base.files import Directory, File
from .._base.systemd import service
from .._base.text import host_port
from .._plan import plain
from .._plan.types import Option, ServerUnit
from .._plan.words import files, server_argv, words
from . import digest, models, programs, text
from .apply import UnitFiles, UnitsError, Wanted
from .settings import Settings, check_secret, of_deployment

NUMACTL = "/usr/bin/numactl"
OWNED_OPTIONS = (
    "Environment", "EnvironmentFile", "ExecStart", "ExecStartPre", "Group", "RuntimeDirectory", "Type", "User",
)  # fmt: skip
_LEAKING_LEVELS = ("debug", "info", "notset", "trace")
_KEY_OPTIONS = {"api_key": "api-key", "admin_api_key": "admin-api-key"}


def wanted_servers(params: Mapping[str, Any]) -> Wanted:
    """Return the servers of the plan with their files."""
    settings = Settings.from_params(params)
    units = plain.each(ServerUnit, params["servers"], "servers")
    if settings.numactl and units and not os.path.exists(NUMACTL):
        raise UnitsError(f"there is no {NUMACTL} on this host; install the package numactl or leave numactl out")
    resolved = [models.resolved(unit, params["releases"]) for unit in units]
    releases = {unit.sglang_version: settings.of_release(unit.sglang_version) for unit in units}
    linked = {path for unit in units for path in models.links(unit)}
    read = {path for unit in units for paths in files(unit).values() for path in paths}
    return Wanted(
        # Routers too: where a host has none any more, no play for routers runs on it.
        markers=ours.MARKERS,
        units=tuple(
            unit_files(one, releases[one.unit.sglang_version], keys_text(_keys(one.unit, params))) for one in resolved
        ),
        interpreters=tuple(sorted({one.interpreter for one in releases.values()})),
        fix="run the role sglang_runtime or correct sglang_server_python",
        prune=params["prune"],
        keep=tuple(params["keep"]),
        models=tuple(sorted(linked)),
        files=tuple(sorted(read - linked)),
    )


def _keys(unit: ServerUnit, params: Mapping[str, Any]) -> Mapping[str, Any]:
    if unit.deployment in params["api_keys"]:
        return of_deployment(params, "api_keys", unit.deployment)
    return {"api_key": params["api_key"], "admin_api_key": params["admin_api_key"]}


def keys_text(keys: Mapping[str, Any]) -> str:
    """Return the text of keys.yaml, empty where no key is set."""
    lines = []
    for name, option in _KEY_OPTIONS.items():
        value = str(keys.get(name) or "")
        check_secret(f"api_keys: {name}", value)
        if value:
            lines.append(f"{option}: {json.dumps(value)}\n")
    return "".join(lines)


def unit_files(one: models.Resolved, settings: Settings, keys: str) -> UnitFiles:
    """Return the files of a server and its generation."""
    unit = one.unit
    directory = _directory(unit)
    written = unit_text(unit, settings, bool(keys))
    environment = [text.environment_line(name, value) for name, value in sorted(unit.environment.items())]
    # Which interface a unit uses, or its host, is no concern of the other ranks.
    shared = digest.agreed(unit.digest, one.releases, settings.runtime, keys, unit.instance)
    generation = digest.generation(shared, written, environment)
    digests = {
        "SGLANG_PLAN_DIGEST": unit.digest,
        "SGLANG_INSTANCE_DIGEST": shared,
        "SGLANG_UNIT_DIGEST": generation,
    }
    lines = [ours.SERVER_MARKER, *environment, *(text.environment_line(*item) for item in digests.items())]
    keys_path = f"{directory}/keys.yaml"
    private = [File(keys_path, keys, 0o600, settings.user, settings.group, secret=True)] if keys else []
    items: tuple[File | Directory, ...] = (
        Directory(directory, 0o750, group=settings.group),
        File(f"{directory}/environment", "\n".join(lines) + "\n", 0o640, group=settings.group),
        *private,
        File(f"{paths.UNIT_DIR}/{service(unit.name)}", written, 0o644),
    )
    return UnitFiles(unit.name, generation, items, () if keys else (keys_path,))


def unit_text(unit: ServerUnit, settings: Settings, with_keys: bool) -> str:
    """Return the unit file."""
    runtime = f"{paths.RUN_DIR}/{unit.name}"
    return text.unit_file(
        ours.SERVER_MARKER,
        ours.server_title(unit.instance, unit.rank, unit.nnodes),
        ["RequiresMountsFor=" + text.path(unit.model)] if unit.model.startswith("/") else [],
        [
            "User=" + settings.user,
            "Group=" + settings.group,
            "WorkingDirectory=-~",
            "RuntimeDirectory=sglang/" + text.checked_name(unit.name, "servers"),
            f"EnvironmentFile={_directory(unit)}/environment",
            f"EnvironmentFile=-{runtime}/network.env",
            f"EnvironmentFile=-{runtime}/rdma.env",
            *("ExecStartPre=" + line for line in _checks(unit, settings)),
            "ExecStart=" + _exec_start(unit, settings, with_keys),
            *text.service_lines(_service_options(unit, settings), settings.options, OWNED_OPTIONS),
        ],
    )


def _directory(unit: ServerUnit) -> str:
    return f"{paths.CONFIG_DIR}/{unit.name}"


def _exec_start(unit: ServerUnit, settings: Settings, with_keys: bool) -> str:
    command = [settings.interpreter, *server_argv(unit)]
    if with_keys:
        _refuse_leaks(unit)
        command += words([Option("config", (f"{_directory(unit)}/keys.yaml",)), *_quiet(unit)])
    return text.command_lines(command, [[NUMACTL, *settings.numactl]] if settings.numactl else [])


def _quiet(unit: ServerUnit) -> list[Option]:
    """Return the log level that keeps keys out of the journal, where the user has set none."""
    return [] if unit.option("log-level") else [Option("log-level", ("warning",))]


def _refuse_leaks(unit: ServerUnit) -> None:
    level = unit.option("log-level")
    if level and level.values[0].lower() in _LEAKING_LEVELS:
        raise ValueError(
            f"deployments.{unit.deployment}: log-level {level.values[0]} would write the API keys to the journal; "
            "set log-level to warning or error, or leave it out"
        )
    if unit.option("config"):
        raise ValueError(
            f"deployments.{unit.deployment}: server_args.config and API keys exclude each other, because SGLang reads "
            "one configuration file only; write its contents as server_args"
        )


def _checks(unit: ServerUnit, settings: Settings) -> list[str]:
    """Return what runs before each start; a plus sign makes it run as root."""
    base = [*text.SYSTEM_PYTHON, programs.prestart()]
    network = [*base, "network", "--address", unit.address]
    if unit.interface:
        network += ["--interface", unit.interface]
    ports = [*base, "ports", *("{}={}".format(*item) for item in sorted(unit.ports.items()))]
    lines = [text.joined(network)]
    if _uses_rdma(unit):
        file = ["--devices-file", unit.ib_devices_file] if unit.ib_devices_file else []
        gpus = ",".join(map(str, unit.gpus))
        lines.append(text.joined([*base, "rdma", "--gpus", gpus, *file, *settings.rdma_devices]))
    lines.append("+" + text.joined(ports))
    if unit.nnodes > 1:
        peers = [*base, "peers", "--rank", str(unit.rank), "--timeout", str(settings.barrier_timeout)]
        ranks = [f"{rank.host}={rank.address}" for rank in unit.ranks]
        lines.append(text.joined([*peers, host_port(unit.ranks[0].address, unit.ports["barrier"]), *ranks]))
    return lines


def _uses_rdma(unit: ServerUnit) -> bool:
    """Return whether a server sends anything to another host from a GPU."""
    device = unit.option("device")
    on_gpu = device is None or device.values[0] == "cuda"
    # The devices near a GPU are found by its index.
    return on_gpu and bool(unit.gpus) and (unit.role != "server" or unit.nnodes > 1)


def _service_options(unit: ServerUnit, settings: Settings) -> dict[str, Any]:
    return {
        "Restart": "always",
        "RestartSec": 5,
        # A leader asked alone lets its requests finish and ends its followers; a follower asked alone would wait for
        # its leader.
        "KillMode": "mixed" if unit.rank == 0 else "control-group",
        # The checks before the start may wait for the other ranks.
        "TimeoutStartSec": settings.barrier_timeout + 60,
        "TimeoutStopSec": settings.stop_timeout,
        "LimitMEMLOCK": "infinity",
        "LimitNOFILE": 1048576,
        "TasksMax": "infinity",
        "PrivateTmp": "yes",
        # A dead generation leaves nothing behind here, and two instances never meet in it.
        "TemporaryFileSystem": "/dev/shm:mode=1777,size=50%",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "full",
    }
