# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of a server: its text, its environment and its keys."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._base import ours, paths
from .._base.files import Directory, File
from .._base.systemd import service
from .._base.text import host_port
from .._plan import plain
from .._plan.types import Option, ServerUnit
from .._plan.words import files, server_argv, words
from .._prestart import CREDENTIAL
from . import digest, hardening, models, programs, text
from .apply import UnitFiles, UnitsError, Wanted
from .settings import Settings, check_secret, of_deployment

NUMACTL = "/usr/bin/numactl"
OWNED_OPTIONS = (
    "Environment", "EnvironmentFile", "ExecStart", "ExecStartPre", "Group", "RuntimeDirectory", "Type", "User",
)  # fmt: skip
_LEAKING_LEVELS = ("debug", "info", "notset", "trace")
_KEY_OPTIONS = {
    "api_key": "api-key", "admin_api_key": "admin-api-key", "ssl_keyfile_password": "ssl-keyfile-password",
}  # fmt: skip


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
            unit_files(one, releases[one.unit.sglang_version], Secrets.of(one.unit, params)) for one in resolved
        ),
        interpreters=tuple(sorted({one.interpreter for one in releases.values()})),
        fix="run the role sglang_runtime or correct sglang_server_python",
        prune=params["prune"],
        salt=settings.salt,
        keep=tuple(params["keep"]),
        models=tuple(sorted(linked)),
        files=tuple(sorted(read - linked)),
    )


@dataclass(frozen=True)
class Secrets:
    """The secrets of a server. keys: the text of keys.yaml. environment: the text of secrets.json; empty for none."""

    keys: str = field(default="", repr=False)
    environment: str = field(default="", repr=False)

    @classmethod
    def of(cls, unit: ServerUnit, params: Mapping[str, Any]) -> Secrets:
        """Return what the options of the module have for a server."""
        own = of_deployment(params, "server_secrets", unit.deployment)
        if unit.deployment in params["api_keys"]:
            keys = of_deployment(params, "api_keys", unit.deployment)
        else:
            keys = {"api_key": params["api_key"], "admin_api_key": params["admin_api_key"]}
        unknown = sorted({*own} - {"env", "ssl_keyfile_password"})
        if unknown:
            raise ValueError(
                f"server_secrets.{unit.deployment}: it has {', '.join(unknown)}; expected env or ssl_keyfile_password"
            )
        password = own.get("ssl_keyfile_password")
        return cls(
            keys_text({**keys, "ssl_keyfile_password": password}), secret_environment(unit, own.get("env") or {})
        )


def keys_text(keys: Mapping[str, Any]) -> str:
    """Return the text of keys.yaml, empty where no key is set."""
    lines = []
    for name, option in _KEY_OPTIONS.items():
        value = str(keys.get(name) or "")
        check_secret(f"api_keys: {name}", value)
        if value:
            lines.append(f"{option}: {json.dumps(value)}\n")
    return "".join(lines)


def secret_environment(unit: ServerUnit, values: Any) -> str:
    """Return the text of secrets.json: variables of the environment that no file of the unit shows."""
    where = f"server_secrets.{unit.deployment}.env"
    if not isinstance(values, Mapping):
        raise ValueError(f"{where}: it must be a mapping of names to values")
    for name, value in values.items():
        text.environment_line(str(name), "")
        if not isinstance(value, (str, int)) or "\0" in str(value):
            raise ValueError(f"{where}.{name}: it must be a text")
        if name in unit.environment:
            raise ValueError(f"{where}.{name}: the plan sets {name}, too; leave it out of one of the two")
    return json.dumps({name: str(values[name]) for name in sorted(values)}) + "\n" if values else ""


def unit_files(one: models.Resolved, settings: Settings, secrets: Secrets) -> UnitFiles:
    """Return the files of a server and its generation."""
    unit = one.unit
    directory = _directory(unit)
    written = unit_text(unit, settings, secrets)
    environment = [text.environment_line(name, value) for name, value in sorted(unit.environment.items())]
    # Which interface a unit uses, or its host, is no concern of the other ranks.
    shared = digest.agreed(unit.digest, one.releases, settings.runtime)
    secret = digest.of_secret(secrets.keys + secrets.environment, settings.salt)
    generation = digest.generation(shared, secret, written, environment)
    digests = {
        "SGLANG_PLAN_DIGEST": unit.digest,
        "SGLANG_INSTANCE_DIGEST": shared,
        "SGLANG_UNIT_DIGEST": generation,
    }
    lines = [ours.SERVER_MARKER, *environment, *(text.environment_line(*item) for item in digests.items())]
    # SGLang reads the keys itself; systemd hands the others over.
    private = (
        File(f"{directory}/keys.yaml", secrets.keys, 0o600, settings.user, settings.group, secret=True),
        File(f"{directory}/{CREDENTIAL}", secrets.environment, 0o600, secret=True),
    )
    items: tuple[File | Directory, ...] = (
        Directory(directory, 0o750, group=settings.group),
        File(f"{directory}/environment", "\n".join(lines) + "\n", 0o640, group=settings.group),
        *(file for file in private if file.text),
        File(f"{paths.UNIT_DIR}/{service(unit.name)}", written, 0o644),
    )
    return UnitFiles(unit.name, generation, items, tuple(file.path for file in private if not file.text))


def unit_text(unit: ServerUnit, settings: Settings, secrets: Secrets) -> str:
    """Return the unit file."""
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
            *([f"LoadCredential={CREDENTIAL}:{_directory(unit)}/{CREDENTIAL}"] if secrets.environment else []),
            *("ExecStartPre=" + line for line in _checks(unit, settings)),
            "ExecStart=" + _exec_start(unit, settings, secrets),
            *text.service_lines(_service_options(unit, settings), settings.options, OWNED_OPTIONS),
        ],
    )


def _directory(unit: ServerUnit) -> str:
    return f"{paths.CONFIG_DIR}/{unit.name}"


def _exec_start(unit: ServerUnit, settings: Settings, secrets: Secrets) -> str:
    command = [settings.interpreter, *server_argv(unit)]
    launcher = [*text.SYSTEM_PYTHON, programs.server_launcher(), "run-with-secrets" if secrets.environment else "run"]
    if secrets.keys:
        _refuse_leaks(unit)
        command += words([Option("config", (f"{_directory(unit)}/keys.yaml",)), *_quiet(unit)])
    return text.command_lines(command, [launcher, *([[NUMACTL, *settings.numactl]] if settings.numactl else [])])


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
        # A dead generation leaves nothing behind here, and two instances never meet in it.
        "TemporaryFileSystem": "/dev/shm:mode=1777,size=50%",
        **hardening.of_server(settings.user),
    }
