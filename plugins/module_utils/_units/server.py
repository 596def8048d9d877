# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a unit of the plan to the text of its files, without touching a host. PRIVATE to the collection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from . import quote
from .text import SYSTEM_PYTHON, checked_name, command_lines, joined, merged_options, option_lines, sha, slow_sha

MARKER = "# Managed by multinode.sglang"
NUMACTL = "/usr/bin/numactl"
OWNED_OPTIONS = (
    "Environment", "EnvironmentFile", "ExecStart", "ExecStartPre", "Group", "RuntimeDirectory", "Type", "User",
)  # fmt: skip
_LEAKING_LEVELS = ("debug", "info", "notset", "trace")
_KEY_OPTIONS = (("api_key", "api-key"), ("admin_api_key", "admin-api-key"))


@dataclass(frozen=True)
class Unit:
    """One rank of an instance on one host, as the plan gives it."""

    name: str
    instance: str
    deployment: str
    rank: int
    nnodes: int
    address: str
    ranks: tuple[tuple[str, str], ...]
    ports: tuple[tuple[str, str], ...]
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    interface: str
    gpus: tuple[int, ...]
    digest: str

    @classmethod
    def from_plan(cls, item: dict[str, Any]) -> Unit:
        """Take what is needed out of a unit of the plan."""
        try:
            unit = cls(
                name=str(item["name"]),
                instance=str(item["instance"]),
                deployment=str(item["deployment"]),
                rank=int(item["rank"]),
                nnodes=int(item["nnodes"]),
                address=str(item["address"]),
                ranks=tuple((str(rank["host"]), str(rank["address"])) for rank in item["ranks"]),
                ports=tuple(sorted((str(purpose), str(ports)) for purpose, ports in item["ports"].items())),
                argv=tuple(str(word) for word in item["argv"]),
                environment=tuple(sorted((str(name), str(value)) for name, value in item["environment"].items())),
                interface=str(item.get("interface") or ""),
                gpus=tuple(int(gpu) for gpu in item["gpus"]),
                digest=str(item["digest"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"units: an element is not a unit of the plan: {type(error).__name__} {error}") from error
        checked_name(unit.name, "units")
        return unit


@dataclass(frozen=True)
class Settings:
    """What is the same for every unit of a host."""

    user: str
    group: str
    config_dir: str
    interpreter: str
    helper: str
    rdma_helper: str
    runtime: str
    barrier_timeout: int
    stop_timeout: int
    numactl: tuple[str, ...] = ()
    rdma_devices: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    def directory(self, unit: Unit) -> str:
        """Return where the files of a unit are."""
        return f"{self.config_dir}/{unit.name}"


def keys_text(keys: dict[str, str]) -> str:
    """Return the text of keys.yaml, empty where no key is set."""
    lines = []
    for field, option in _KEY_OPTIONS:
        value = keys.get(field) or ""
        if value.startswith("-") or value != value.strip() or "\n" in value:
            raise ValueError(f"api_keys: {field} must not begin with a dash, nor hold spaces at its ends or a new line")
        if value:
            lines.append(f"{option}: {json.dumps(value)}\n")
    return "".join(lines)


def command(unit: Unit, settings: Settings, with_keys: bool) -> list[str]:
    """Return the words of the command, the interpreter first."""
    words = [settings.interpreter, *unit.argv]
    if not with_keys:
        return words
    _refuse_leaks(unit)
    level = [] if value_of(unit.argv, "--log-level") else ["--log-level", "warning"]
    return [*words, "--config", settings.directory(unit) + "/keys.yaml", *level]


def value_of(argv: tuple[str, ...], option: str) -> str:
    """Return the value of an option of a command, empty if it has none."""
    for index, text in enumerate(argv):
        if text == option and index + 1 < len(argv):
            return argv[index + 1]
        if text.startswith(option + "="):
            return text[len(option) + 1 :]
    return ""


def _refuse_leaks(unit: Unit) -> None:
    level = value_of(unit.argv, "--log-level")
    if level.lower() in _LEAKING_LEVELS:
        raise ValueError(
            f"deployments.{unit.deployment}: log-level {level} would write the API keys to the journal; "
            "set log-level to warning or error, or leave it out"
        )
    if value_of(unit.argv, "--config"):
        raise ValueError(
            f"deployments.{unit.deployment}: server_args.config and API keys exclude each other, because SGLang reads one "
            "configuration file only; write its contents as server_args"
        )


def _exec_start(unit: Unit, settings: Settings, with_keys: bool) -> str:
    before = [[NUMACTL, *settings.numactl]] if settings.numactl else []
    return command_lines(command(unit, settings, with_keys), before)


def _exec_start_pre(unit: Unit, settings: Settings) -> list[str]:
    # -I: the environment of the unit (PYTHONPATH, PYTHONHOME) is meant for SGLang, not for this check.
    base = [SYSTEM_PYTHON, "-I", settings.helper]
    network = [*base, "network", "--address", unit.address]
    if unit.interface:
        network += ["--interface", unit.interface]
    ports = [*base, "ports", *("{}={}".format(*item) for item in unit.ports)]
    lines = [joined(network), *_rdma(unit, settings), "+" + joined(ports)]
    if unit.nnodes > 1:
        leader = unit.ranks[0][1]
        leader = f"[{leader}]" if ":" in leader else leader
        peers = ["peers", "--rank", str(unit.rank), "--timeout", str(settings.barrier_timeout)]
        peers += ["{}:{}".format(leader, dict(unit.ports)["barrier"]), *("{}={}".format(*rank) for rank in unit.ranks)]
        lines.append(joined(base + peers))
    return lines


def _rdma(unit: Unit, settings: Settings) -> list[str]:
    """Return the look for RDMA devices, of a server that sends anything to another host from a GPU."""
    transfers = value_of(unit.argv, "--disaggregation-mode") not in ("", "null")
    if value_of(unit.argv, "--device") not in ("", "cuda") or not (transfers or unit.nnodes > 1):
        return []
    required = ["--required"] if value_of(unit.argv, "--disaggregation-ib-device").startswith("/run/sglang/") else []
    gpus = ",".join(map(str, unit.gpus))
    return [joined([SYSTEM_PYTHON, "-I", settings.rdma_helper, "--gpus", gpus, *required, *settings.rdma_devices])]


def _service_options(unit: Unit, settings: Settings) -> dict[str, Any]:
    base = {
        "Restart": "always",
        "RestartSec": 5,
        # A leader asked alone lets its requests finish and tells its followers; a follower asked alone would wait for its leader.
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
    return merged_options(base, settings.options, OWNED_OPTIONS)


def unit_text(unit: Unit, settings: Settings, with_keys: bool) -> str:
    """Return the unit file."""
    model = value_of(unit.argv, "--model-path")
    directory = settings.directory(unit)
    lines = [
        MARKER,
        "[Unit]",
        quote.specifiers(f"Description=SGLang {unit.instance} rank {unit.rank} of {unit.nnodes} (multinode.sglang)"),
        "Wants=network-online.target",
        "After=network-online.target",
        *(["RequiresMountsFor=" + quote.path(model)] if model.startswith("/") else []),
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        "User=" + settings.user,
        "Group=" + settings.group,
        "WorkingDirectory=-~",
        "RuntimeDirectory=sglang/" + unit.name,
        f"EnvironmentFile={directory}/environment",
        f"EnvironmentFile=-/run/sglang/{unit.name}/network.env",
        f"EnvironmentFile=-/run/sglang/{unit.name}/rdma.env",
        *("ExecStartPre=" + line for line in _exec_start_pre(unit, settings)),
        "ExecStart=" + _exec_start(unit, settings, with_keys),
        *option_lines(_service_options(unit, settings)),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def instance_digest(unit: Unit, settings: Settings, keys: str) -> str:
    """Return what all ranks of an instance must agree on; slow on purpose where a key is in it."""
    return sha(unit.digest, settings.runtime, slow_sha(keys, unit.instance))


def environment_text(unit: Unit, settings: Settings, keys: str) -> tuple[str, str]:
    """Return the text of the environment file and the digest of everything that this rank runs with."""
    lines = [quote.environment_line(name, value) for name, value in unit.environment]
    instance = instance_digest(unit, settings, keys)
    digest = sha(instance, unit_text(unit, settings, bool(keys)), *lines)
    lines.append(quote.environment_line("SGLANG_INSTANCE_DIGEST", instance))
    lines.append(quote.environment_line("SGLANG_UNIT_DIGEST", digest))
    return "\n".join([MARKER, *lines]) + "\n", digest
