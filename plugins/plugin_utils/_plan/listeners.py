# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Ports that options open besides those of the plan: those that SGLang derives, and those that only the user knows."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Option, find

from .errors import PlanError, shown
from .intervals import LAST_PORT, Interval, parse_intervals

CLIENTS, SCRAPERS, RANKS = "clients", "scrapers", "ranks"
WILDCARDS = ("0.0.0.0", "::")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?\Z")
_ENDPOINT = re.compile(r"tcp://.*:(\d+)\Z")
# The publisher's own endpoint (kv_events.py, KVEventsConfig), and torch's store of the nixl backend (environ.py).
_KV_ENDPOINT = "tcp://*:5557"
_NIXL_STORE = "29600"
# The publisher binds these addresses, and connects to others.
_BOUND = ("*", "::", "0.0.0.0")
# Who gives its weights to others has a server of its own, at this port unless extra_ports moves it (fields/model.py).
_SEED, _SEED_PORT = "remote-instance-weight-loader-start-seed-via-transfer-engine", 6789


@dataclass(frozen=True)
class Listener:
    """Ports that an option opens. sources: clients, scrapers, ranks (of the instance), or hosts of the inventory."""

    name: str
    ports: Interval
    sources: str | tuple[str, ...]

    @property
    def port_name(self) -> str:
        """Return how the ports of an instance name it."""
        return f"listeners.{self.name}"


def parse_listeners(raw: Any, where: str) -> tuple[Listener, ...]:
    """Return name -> {port, from} as types, or refuse it."""
    if not isinstance(raw, Mapping):
        raise PlanError(f"{where}: {shown(raw)} is not a mapping; write it as in {{otlp: {{port: 4317}}}}")
    return tuple(_listener(str(name), body, f"{where}.{name}") for name, body in raw.items())


def _listener(name: str, body: Any, where: str) -> Listener:
    if not _NAME.match(name):
        raise PlanError(f"{where}: use lower case letters, digits and dashes for its name; rename it")
    if not isinstance(body, Mapping) or not {"port"} <= {*body} <= {"port", "from"}:
        raise PlanError(f"{where}: {shown(body)} is not a listener; write it as in {{port: 4317, from: clients}}")
    port = body["port"]
    (ports, *others) = parse_intervals(port if isinstance(port, str) else str(port), f"{where}.port") or [(0, 0)]
    if others or isinstance(port, bool) or not 0 < ports[0] <= ports[1] <= LAST_PORT:
        raise PlanError(f"{where}.port: {shown(port)} is no port; write a number, or a range such as 50051-50052")
    return Listener(name, ports, _sources(body.get("from", CLIENTS), f"{where}.from"))


def _sources(value: Any, where: str) -> str | tuple[str, ...]:
    if value in (CLIENTS, SCRAPERS, RANKS):
        return str(value)
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(one, str) and one for one in names):
        raise PlanError(
            f"{where}: {shown(value)} names nobody; write clients, scrapers, ranks, or groups or hosts of the inventory"
        )
    return tuple(names)


def derived(
    options: tuple[Option, ...], env: Mapping[str, str], backend: str | None, replicas: int, where: str
) -> dict[str, Interval]:
    """Return the ports that SGLang takes for options that name none, or an endpoint. replicas: data parallel ones."""
    found: dict[str, Interval] = {}
    if backend == "nixl":
        store = env.get("SGLANG_TCP_STORE_PORT", _NIXL_STORE)
        if not store.isdecimal():
            raise PlanError(f"{where}.env.SGLANG_TCP_STORE_PORT: {store!r} is no port; write a number")
        found["nixl_store"] = (int(store), int(store))
    if find(options, _SEED):
        found["seed"] = (_SEED_PORT, _SEED_PORT)
    config = _json(options, "kv-events-config")
    if config.get("publisher", "null") != "null":
        events = _port(config.get("endpoint", _KV_ENDPOINT)) if _binds(config) else 0
        bases = {"kv_events": events, "kv_replay": _port(config.get("replay_endpoint"))}
        bases["load"] = _load(find(options, "load-publish-endpoint"), events, bases["kv_replay"], replicas)
        found |= {name: (base, base + replicas - 1) for name, base in bases.items() if base}
    return found


def _load(option: Option | None, events: int, replay: int, replicas: int) -> int:
    """Return the first port of the load feed: packed after the others with auto (resolve_load_pub_range)."""
    text = "".join(option.values).strip() if option else ""
    if text.lower() != "auto" or not events:
        return _port(text)
    base = events + replicas
    overlaps = replay and base < replay + replicas and replay < base + replicas
    return replay + replicas if overlaps else base


def _binds(config: Mapping[str, Any]) -> bool:
    """Tell whether the publisher listens, as SGLang decides it; it connects to its subscribers otherwise."""
    bind, endpoint = config.get("bind"), str(config.get("endpoint", _KV_ENDPOINT))
    return any(word in endpoint for word in _BOUND) if bind is None else bool(bind)


def _json(options: tuple[Option, ...], name: str) -> dict[str, Any]:
    option = find(options, name)
    try:
        value = json.loads("".join(option.values)) if option else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _port(endpoint: Any) -> int:
    match = _ENDPOINT.match(endpoint) if isinstance(endpoint, str) else None
    return int(match.group(1)) if match else 0


def wildcard(address: str) -> str:
    """Return what a program listens on to be reached at an address: all addresses of its family."""
    return "::" if ":" in address else "0.0.0.0"


def check_host(listens: str | None, hosts: Sequence[tuple[str, str]], where: str, own_only: bool) -> None:
    """Refuse an address that those who must reach it do not reach. hosts: name and address. own_only: no other one."""
    if listens is None:
        return
    try:
        literal = ipaddress.ip_address(listens)
    except ValueError:
        raise PlanError(f"{where}: {listens!r} is not an IP address; remove it to listen on all addresses") from None
    for name, address in hosts:
        if literal.is_unspecified and str(literal) != "::" and ":" in address:
            found = f"{name} would listen on IPv4 only, but others reach it at {address}"
            raise PlanError(f"{where}: {found}; remove it, or set it to ::")
        if own_only and not literal.is_unspecified and literal != ipaddress.ip_address(address):
            found = f"{name} would listen on {listens} only, but others reach it at {address}"
            raise PlanError(f"{where}: {found}; remove it, or set it to {wildcard(address)}")


def check_families(hosts: Sequence[tuple[str, str]], where: str) -> None:
    """Refuse an instance of which some ranks have IPv4 addresses and some IPv6 ones. hosts: name and address."""
    first, own = hosts[0]
    for name, address in hosts[1:]:
        if wildcard(address) != wildcard(own):
            raise PlanError(
                f"{where}: {name} has the address {address}, but {first} of the same instance has {own}; give both "
                "an IPv4 address, or both an IPv6 address"
            )


def is_loopback(address: str) -> bool:
    """Tell whether only the host itself reaches an address."""
    return ipaddress.ip_address(address).is_loopback
