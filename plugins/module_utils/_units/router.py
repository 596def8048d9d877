# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a router of the plan to the text of its files, without touching a host. PRIVATE to the collection."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from . import quote
from .text import SYSTEM_PYTHON, checked_name, command_lines, joined, merged_options, option_lines, sha, slow_sha

MARKER = "# Managed by multinode.sglang: router"
CREDENTIAL = "secrets.json"
# How long a router counts as starting while it has no workers that answer. So routers can restart one after the other.
READY_SECONDS = 20
OWNED_OPTIONS = (
    "EnvironmentFile",
    "ExecStart",
    "ExecStartPost",
    "ExecStartPre",
    "Group",
    "RuntimeDirectory",
    "Type",
    "User",
)
# The plan writes them last, and a running router is told them over its API.
_WORKER_OPTIONS = ("--prefill", "--decode", "--worker-urls")
_PRIVILEGED_PORTS = 1024
_HARDENING = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectProc": "invisible",
    "ProcSubset": "pid",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RemoveIPC": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": ["@system-service", "~@privileged @resources"],
    "UMask": "0077",
}


@dataclass(frozen=True)
class Router:
    """One router of a deployment on one host, as the plan gives it."""

    name: str
    deployment: str
    url: str
    ports: tuple[tuple[str, str], ...]
    argv: tuple[str, ...]
    digest: str

    @classmethod
    def from_plan(cls, item: dict[str, Any]) -> Router:
        """Take what is needed out of a router of the plan."""
        try:
            router = cls(
                name=str(item["name"]),
                deployment=str(item["deployment"]),
                url=str(item["url"]),
                ports=tuple(sorted((str(purpose), str(port)) for purpose, port in item["ports"].items())),
                argv=tuple(str(word) for word in item["argv"]),
                digest=str(item["digest"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"routers: an element is not a router of the plan: {type(error).__name__} {error}"
            ) from error
        checked_name(router.name, "routers")
        if len(router.argv) < 2 or router.argv[0] != "-m":
            raise ValueError(f"routers: the command of {router.name} does not begin with -m and a module")
        return router

    def without_workers(self) -> Router:
        """Return the router with the words that only a restart can change."""
        found = [index for index, word in enumerate(self.argv) if word in _WORKER_OPTIONS]
        return replace(self, argv=self.argv[: found[0]]) if found else self


@dataclass(frozen=True)
class Settings:
    """What is the same for every router of a host."""

    user: str
    group: str
    config_dir: str
    interpreter: str
    lib_dir: str
    runtime: str
    stop_timeout: int
    options: tuple[tuple[str, Any], ...] = ()

    def directory(self, router: Router) -> str:
        """Return where the files of a router are."""
        return f"{self.config_dir}/{router.name}"

    @property
    def launcher(self) -> str:
        """Return the path of the program that starts a router."""
        return f"{self.lib_dir}/router.py"

    @property
    def prestart(self) -> str:
        """Return the path of the program that checks the ports."""
        return f"{self.lib_dir}/prestart.py"


def secrets_text(secrets: dict[str, Any]) -> str:
    """Return the text of secrets.json, the words that the launcher appends; empty where there is none."""
    words: list[str] = []
    for option in sorted(secrets):
        values = secrets[option] if isinstance(secrets[option], (list, tuple)) else [secrets[option]]
        texts = [str(value) for value in values if value not in (None, "")]
        if not re.match(r"[a-z0-9][a-z0-9-]*\Z", option):
            raise ValueError(
                f"secrets: {option!r} is not an option; write it without dashes before it, such as redis-url"
            )
        if any(text.startswith("-") or text != text.strip() or "\n" in text for text in texts):
            raise ValueError(f"secrets: {option} must not begin with a dash, nor hold spaces at its ends or a new line")
        words += [f"--{option}", *texts] if texts else []
    return json.dumps(words) + "\n" if words else ""


def _base_options(router: Router, settings: Settings) -> dict[str, Any]:
    privileged = any(int(port) < _PRIVILEGED_PORTS for unused, port in router.ports)
    capabilities = "CAP_NET_BIND_SERVICE" if privileged else ""
    options = {
        "Restart": "always",
        "RestartSec": 2,
        "TimeoutStartSec": READY_SECONDS + 40,
        "TimeoutStopSec": settings.stop_timeout,
        "LimitNOFILE": 1048576,
        "CapabilityBoundingSet": capabilities,
        "AmbientCapabilities": capabilities,
        **_HARDENING,
    }
    if "--enable-wasm" in router.argv:
        # Its plug-ins are compiled while it runs.
        del options["MemoryDenyWriteExecute"]
    return options


def unit_text(router: Router, settings: Settings, with_secrets: bool) -> str:
    """Return the unit file."""
    directory = settings.directory(router)
    # -I: nothing of the unit's environment or of the current directory decides which code runs.
    launcher = [settings.interpreter, "-I", settings.launcher]
    ports = [SYSTEM_PYTHON, "-I", settings.prestart, "ports", *("{}={}".format(*item) for item in router.ports)]
    lines = [
        MARKER,
        "[Unit]",
        quote.specifiers(f"Description=SGLang router of {router.deployment} (multinode.sglang)"),
        "Wants=network-online.target",
        "After=network-online.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        "User=" + settings.user,
        "Group=" + settings.group,
        "RuntimeDirectory=sglang/" + router.name,
        f"EnvironmentFile={directory}/environment",
        *([f"LoadCredential={CREDENTIAL}:{directory}/{CREDENTIAL}"] if with_secrets else []),
        "ExecStartPre=+" + joined(ports),
        "ExecStart=" + command_lines([*launcher, "run-with-secrets" if with_secrets else "run", *router.argv[1:]]),
        "ExecStartPost=-" + joined([*launcher, "wait", router.url, str(READY_SECONDS)]),
        *option_lines(merged_options(_base_options(router, settings), settings.options, OWNED_OPTIONS)),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def digest(router: Router, settings: Settings, secrets: str) -> str:
    """Return what a running router is compared with: everything but its workers."""
    text = unit_text(router.without_workers(), settings, bool(secrets))
    return sha(router.digest, settings.runtime, slow_sha(secrets, router.name), text)


def environment_text(generation: str) -> str:
    """Return the text of the environment file."""
    return "\n".join([MARKER, quote.environment_line("SGLANG_UNIT_DIGEST", generation)]) + "\n"
