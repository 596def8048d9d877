# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The routers of a deployment: their commands, the workers that they send requests to, and what would make them useless."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .command import join_host_port
from .disaggregation import bootstrap_port
from .errors import PlanError
from .intervals import Interval, text_of
from .inventory import Host
from .options import args_words, given
from .placement import Instance
from .ports import BASES, STRIDE
from .programs import ROUTER_PORT_OPTIONS, ROUTERS, Program
from .schema import Deployment, Group, Router
from .versions import Version, parse_version

LAUNCH = {"sglang-router": "sglang_router.launch_router", "smg": "smg.launch_router"}
WILDCARDS = ("0.0.0.0", "::")
# The routers' own defaults, for the options that are compared with each other.
RETRIES, FAILURES = 5, 10


def choose_router(package: str, version: str) -> tuple[str, Program, Version]:
    """Return the package, the program in it and the release that serve as router."""
    if package not in ROUTERS:
        raise PlanError(f"sglang_router_package: {package!r} is not a router; choose {' or '.join(ROUTERS)}")
    return package, ROUTERS[package], parse_version(version, "sglang_router_version")


def worker(instance: Instance, scheme: str, ports: Mapping[str, Interval]) -> dict[str, Any]:
    """Return an instance as its routers know it. The host of a prefill URL is sent on to decode, so it is the cluster address."""
    role = instance.group.role
    return {
        "instance": instance.name,
        "url": f"{scheme}://{join_host_port(instance.hosts[0].address, ports['api'][0])}",
        "worker_type": "regular" if role == "server" else role,
        "bootstrap_port": bootstrap_port(ports) if role == "prefill" else None,
    }


def worker_words(workers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the words that tell a router its workers when it starts."""
    words: list[str] = []
    for kind in ("prefill", "decode"):
        for one in workers:
            if one["worker_type"] == kind:
                words += [f"--{kind}", one["url"], *([str(one["bootstrap_port"])] if kind == "prefill" else [])]
    regular = [one["url"] for one in workers if one["worker_type"] == "regular"]
    return ["--pd-disaggregation", *words] if words else ["--worker-urls", *regular]


@dataclass(frozen=True)
class Routing:
    """The routers of one deployment: what the user wrote, and the program and release that take it."""

    deployment: Deployment
    router: Router
    package: str
    program: Program
    version: Version

    @property
    def where(self) -> str:
        """How a refusal names them."""
        return f"deployments.{self.deployment.name}.router"

    def option(self, name: str) -> Any:
        """Return what the user set for an option, None without it."""
        return given(self.program, self.router.options, name)

    def ports(self, slot: int) -> dict[str, Interval]:
        """Return the ports of a router; slot numbers the routers of its host."""
        numbers = {
            "router": self.router.port or BASES["router"] + slot * STRIDE,
            "prometheus": self.router.prometheus_port or BASES["prometheus"] + slot * STRIDE,
        }
        numbers |= {name: port for name in ROUTER_PORT_OPTIONS if isinstance(port := self.option(name), int)}
        return {name: (port, port) for name, port in numbers.items()}

    def words(self, warnings: list[str]) -> list[str]:
        """Check the options and return them as words."""
        words = args_words(self.program, self.router.options, self.version, self.where, warnings)
        for name in ("prefill-policy", "decode-policy"):
            if self.deployment.groups[0].role == "server" and self.option(name) is not None:
                raise PlanError(f"{self.where}.{name}: the deployment has no prefill and decode; set policy")
        files = [name for name in ("tls-cert-path", "tls-key-path") if self.option(name)]
        if len(files) == 1:
            raise PlanError(
                f"{self.where}.{files[0]}: TLS needs a certificate and its key; set tls-cert-path and tls-key-path"
            )
        return words

    def breaker_warning(self, workers: Sequence[Mapping[str, Any]]) -> str | None:
        """Warn where a request can use up all its tries on one dead worker although there are others (sgl-project/sglang#12355)."""
        kinds = [one["worker_type"] for one in workers]
        alone = all(kinds.count(kind) < 2 for kind in kinds)
        if alone or self.option("disable-circuit-breaker") or self.option("disable-retries"):
            return None
        tries = int(self.option("retry-max-retries") or RETRIES)
        failures = int(self.option("cb-failure-threshold") or FAILURES)
        if failures < tries:
            return None
        return (
            f"{self.where}.cb-failure-threshold: {failures} failures take a dead worker out, but a request is tried {tries} times "
            "(retry-max-retries) and may fail though another worker is well; set the threshold below that"
        )

    def unit(
        self, host: Host, ports: Mapping[str, Interval], own: Sequence[str], workers: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the unit of the router on one host. digest: of what only a restart can change, so not of its workers."""
        words = ["-m", LAUNCH[self.package], "--host", self.router.host, "--port", str(ports["router"][0])]
        words += ["--prometheus-port", str(ports["prometheus"][0]), *own]
        scheme = "https" if self.option("tls-cert-path") else "http"
        address = host.address if self.router.host in WILDCARDS else self.router.host
        mode = "pd" if any(one["worker_type"] == "prefill" for one in workers) else "regular"
        return {
            "name": f"sglang-router-{self.deployment.name}",
            "deployment": self.deployment.name,
            "host": host.name,
            "address": address,
            "port": ports["router"][0],
            "scheme": scheme,
            "url": f"{scheme}://{join_host_port(address, ports['router'][0])}",
            "ports": {name: text_of(interval) for name, interval in ports.items()},
            "package": self.package,
            "argv": [*words, *worker_words(workers)],
            "workers": workers,
            "served_model": self.deployment.served_model,
            "digest": hashlib.sha256(json.dumps([words, mode]).encode()).hexdigest(),
        }


def check_reachable(group: Group, hosts: Sequence[Host]) -> None:
    """Refuse an address that only the host itself reaches, where routers or decode instances must reach it."""
    strangers = [host for host in hosts if group.host not in (*WILDCARDS, host.address)]
    if strangers:
        raise PlanError(
            f"{group.where}.host: {strangers[0].name} would listen on {group.host} only, but others reach it at {strangers[0].address}; "
            "remove host, or set it to 0.0.0.0"
        )
