# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The routers of a deployment: their options, their workers, and what would make them useless."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Option, RouterUnit, Worker, find
from ansible_collections.multinode.sglang.plugins.module_utils._plan.words import LAUNCH_ROUTER, words

from .disaggregation import bootstrap_port
from .errors import PlanError
from .intervals import Interval, text_of
from .inventory import Host
from .listeners import WILDCARDS, wildcard
from .options import read_args
from .placement import Placed
from .ports import BASES, STRIDE
from .programs import ROUTER_PORT_OPTIONS
from .schema import Deployment, Router
from .settings import Site

# The routers' own defaults, for the options that are compared with each other.
RETRIES, FAILURES = 5, 10


def worker(placed: Placed, scheme: str, ports: Mapping[str, Interval]) -> Worker:
    """Return an instance as its routers know it; the address of a prefill worker is passed on to decode."""
    role = placed.group.role
    return Worker(
        placed.name,
        "regular" if role == "server" else role,
        scheme,
        placed.hosts[0].address,
        ports["api"][0],
        bootstrap_port(ports) if role == "prefill" else 0,
    )


@dataclass(frozen=True)
class Routing:
    """The routers of one deployment: what the user wrote, and the options that are the same for all of them."""

    deployment: Deployment
    router: Router
    package: str
    options: tuple[Option, ...]

    @property
    def where(self) -> str:
        """How a refusal names them."""
        return f"{self.deployment.where}.router"

    @property
    def name(self) -> str:
        """The name of the unit."""
        return f"sglang-router-{self.deployment.name}"

    def option(self, name: str) -> str | None:
        """Return what the user set for an option, "" for a flag, None without it."""
        found = find(self.options, name)
        return None if found is None else "".join(found.values)

    def ports(self, slot: int) -> dict[str, Interval]:
        """Return the ports of a router; slot numbers the routers of its host."""
        numbers = {
            "router": self.router.port or BASES["router"] + slot * STRIDE,
            "prometheus": self.router.prometheus_port or BASES["prometheus"] + slot * STRIDE,
        }
        numbers |= {name: int(text) for name in ROUTER_PORT_OPTIONS if (text := self.option(name) or "").isdecimal()}
        return {name: (port, port) for name, port in numbers.items()}

    def breaker(self, workers: Sequence[Worker]) -> tuple[Routing, list[str]]:
        """Open the circuit breaker before a request has used up its tries on one dead worker, or warn of it.

        The routers' own values do not (sgl-project/sglang#12355). How many workers there are changes no option: a
        router would restart when an instance is added.
        """
        kinds = [one.worker_type for one in workers]
        alone = all(kinds.count(kind) < 2 for kind in kinds)
        off = [name for name in ("disable-circuit-breaker", "disable-retries") if self.option(name) is not None]
        tries = int(self.option("retry-max-retries") or RETRIES)
        given = self.option("cb-failure-threshold")
        failures = int(given or FAILURES)
        if off or failures < tries:
            return self, []
        if given is None and tries > 1:
            return replace(self, options=(*self.options, Option("cb-failure-threshold", (str(tries - 1),)))), []
        if alone:
            return self, []
        return self, [
            f"{self.where}.cb-failure-threshold: a dead worker is removed after {failures} failures, but a request "
            f"is tried {tries} times only (retry-max-retries) and may fail although another worker is healthy; "
            f"set cb-failure-threshold below {tries}"
        ]

    def _metrics(self, listens: str) -> list[Option]:
        """Listen for metrics on IPv6, too: sglang-router does not by itself, and takes no brackets here."""
        missing = ":" in listens and self.option("prometheus-host") is None
        return [Option("prometheus-host", ("::",))] if missing else []

    def unit(self, host: Host, ports: Mapping[str, Interval], workers: tuple[Worker, ...]) -> RouterUnit:
        """Return the router on one host. digest: of what only a restart can change, so not of its workers."""
        port, listens = ports["router"][0], self.router.host or wildcard(host.address)
        options = (
            # In brackets: sglang-router joins it with the port as it is.
            Option("host", (f"[{listens}]" if ":" in listens else listens,)),
            Option("port", (str(port),)),
            Option("prometheus-port", (str(ports["prometheus"][0]),)),
            *self._metrics(listens),
            *self.options,
        )
        mode = "pd" if any(one.worker_type == "prefill" for one in workers) else "regular"
        command = [*LAUNCH_ROUTER[self.package], *words(options)]
        return RouterUnit(
            name=self.name,
            deployment=self.deployment.name,
            host=host.name,
            address=host.address if listens in WILDCARDS else listens,
            port=port,
            scheme="http" if self.option("tls-cert-path") is None else "https",
            ports={name: text_of(interval) for name, interval in ports.items()},
            package=self.package,
            options=options,
            workers=workers,
            served_model=self.deployment.served_model,
            digest=hashlib.sha256(json.dumps([command, mode]).encode()).hexdigest(),
        )


def routing(deployment: Deployment, router: Router, site: Site, warnings: list[str]) -> Routing:
    """Check what the user wrote for the routers of a deployment."""
    where = f"{deployment.where}.router"
    options = read_args(site.router, router.options, site.router_version, where, warnings)
    found = Routing(deployment, router, site.router.title, options)
    for name in ("prefill-policy", "decode-policy"):
        if deployment.groups[0].role == "server" and found.option(name) is not None:
            raise PlanError(f"{where}.{name}: the deployment has no prefill and decode; set policy instead")
    files = [name for name in ("tls-cert-path", "tls-key-path") if found.option(name) is not None]
    if len(files) == 1:
        raise PlanError(f"{where}.{files[0]}: TLS needs a certificate and its key; set tls-cert-path and tls-key-path")
    return found
