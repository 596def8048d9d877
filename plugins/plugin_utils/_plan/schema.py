# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a user may write in sglang_deployments, checked and turned into typed objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import keys
from .devices import parse_ib_devices
from .env import parse_env
from .errors import PlanError, nearest, shown
from .listeners import Listener, parse_listeners
from .models import Catalog, Model
from .programs import SGLANG
from .tables import load_history, normal
from .versions import parse_version

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?\Z")


@dataclass(frozen=True)
class Group:
    """The hosts of one role of a deployment and the shape of its instances; names are SGLang's own long options.

    Sizes count processes: tp_size and pp_size over all hosts of an instance, dp_size replicas on one host. Ports are
    those of the first instance on a host; None takes the collection's default for the host's next slot. host: None for
    all addresses.
    """

    deployment: str
    role: str
    hosts: str | list[str]
    nnodes: int = 1
    tp_size: int = 1
    pp_size: int = 1
    ep_size: int = 1
    dp_size: int = 1
    attn_dp_size: int = 1
    moe_a2a_backend: str | None = None
    ep_num_redundant_experts: int = 0
    instances: int | None = None
    instances_per_host: int | None = None
    host: str | None = None
    port: int | None = None
    dist_init_port: int | None = None
    bootstrap_port: int | None = None
    extra_ports: Mapping[str, int] = field(default_factory=dict)
    disaggregation_transfer_backend: str | None = None
    disaggregation_ib_device: str | None = None
    listeners: tuple[Listener, ...] = ()
    server_args: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """How a refusal names this group."""
        return f"deployments.{self.deployment}.{self.role}"

    @property
    def gpus_per_host(self) -> int:
        """GPUs that one instance takes on each of its hosts."""
        return self.tp_size * self.pp_size * self.dp_size // self.nnodes


@dataclass(frozen=True)
class Router:
    """Where the routers of a deployment run; every other key of `router:` is kept in options."""

    hosts: str | list[str]
    host: str | None
    port: int | None
    prometheus_port: int | None
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Deployment:
    """One entry of sglang_deployments.

    model: what SGLang is given. entry: its entry in sglang_models. sglang_version: its own release, None for the one of
    all others. hint: the name in sglang_models that the user may have meant.
    """

    name: str
    model: str
    entry: Model | None
    served_model_name: str | None
    sglang_version: str | None
    groups: tuple[Group, ...]
    router: Router | None
    hint: str

    @property
    def where(self) -> str:
        """How a refusal names it."""
        return f"deployments.{self.name}"

    @property
    def served_model(self) -> str:
        """The name of the model in the API."""
        return self.served_model_name or self.model


EXAMPLE_VALUES = {"server_args": "{enable-metrics: true}", "extra_ports": "{grpc-port: 31500}"}
DEVICE = "disaggregation_ib_device"


def parse_deployments(raw: Any, env: Mapping[str, str], catalog: Catalog) -> tuple[list[Deployment], list[str]]:
    """Turn sglang_deployments into typed objects; the second list holds a sentence for each entry that is refused."""
    if not isinstance(raw, Mapping) or not raw:
        raise PlanError(
            "sglang_deployments: it must be a mapping of deployment names to their settings; "
            "see the README of the role sglang_plan for an example"
        )
    deployments: list[Deployment] = []
    refusals: list[str] = []
    for name, body in raw.items():
        try:
            deployments.append(_deployment(name, body, env, catalog))
        except PlanError as error:
            refusals += error.sentences
    return deployments, refusals


def _deployment(name: Any, body: Any, base_env: Mapping[str, str], catalog: Catalog) -> Deployment:
    where = f"deployments.{name}"
    if not isinstance(name, str):
        raise PlanError(f"{where}: YAML reads its name as {shown(name)}, which is no string; write it in quotes")
    if not NAME.match(name):
        raise PlanError(
            f"{where}: this name cannot be part of a unit's name; use at most 48 lower case letters, digits and "
            "dashes, "
            "with no dash at the ends"
        )
    _known_keys(body, keys.names(keys.DEPLOYMENT), where)
    roles = [role for role in keys.ALL if role in body]
    if not roles:
        raise PlanError(f"{where}: it serves nothing; add server: or prefill: and decode:")
    if "server" in roles and len(roles) > 1:
        raise PlanError(f"{where}: server and {roles[1]} exclude each other; use two deployments")
    if roles in (["prefill"], ["decode"]):
        other = "decode" if roles == ["prefill"] else "prefill"
        raise PlanError(f"{where}: {roles[0]} without {other} answers no request; add {other}: or use server:")
    deployment_env = {**base_env, **parse_env(body.get("env", {}), f"{where}.env")}
    groups = tuple(_group(name, role, body[role], deployment_env) for role in roles)
    model = _string(body.get("model"), f"{where}.model")
    entry = catalog.find(model)
    served_name = _served_name(body, where) or (model if model in catalog.models else None)
    given = catalog.path(entry) if entry else model
    version = body.get("sglang_version")
    if version is not None:
        parse_version(version, f"{where}.sglang_version")
    return Deployment(name, given, entry, served_name, version, groups, _router(body, where), catalog.hint(model))


def _served_name(body: Mapping[str, Any], where: str) -> str | None:
    if "served_model_name" not in body:
        return None
    name = _string(body["served_model_name"], f"{where}.served_model_name")
    if ":" in name:
        raise PlanError(f"{where}.served_model_name: SGLang allows no ':' in {name!r}; use another character")
    return name


def _router(body: Mapping[str, Any], where: str) -> Router | None:
    if "router" not in body:
        return None
    router = body["router"]
    if not isinstance(router, Mapping) or "hosts" not in router:
        raise PlanError(f"{where}.router: {router!r} is not a mapping with hosts; write it as in {{hosts: routers}}")
    ports = {
        key: _int(router[key], 1, f"{where}.router.{key}") for key in keys.names(keys.ROUTER, "port") if key in router
    }
    return Router(
        parse_hosts(router["hosts"], f"{where}.router.hosts"),
        _string(router["host"], f"{where}.router.host") if "host" in router else None,
        ports.get("port"),
        ports.get("prometheus_port"),
        {key: value for key, value in router.items() if key not in keys.names(keys.ROUTER)},
    )


def _group(deployment: str, role: str, body: Any, base_env: Mapping[str, str]) -> Group:
    where = f"deployments.{deployment}.{role}"
    _known_keys(body, keys.names(keys.GROUP), where)
    if "hosts" not in body:
        raise PlanError(f"{where}.hosts: it is missing; name an inventory group")
    _check_role(role, body, where)
    given = [key for key in keys.GROUP if key.name in body]
    values: dict[str, Any] = {
        key.name: _int(body[key.name], key.low, f"{where}.{key.name}") for key in given if key.kind in ("int", "port")
    }
    values |= {key.name: _string(body[key.name], f"{where}.{key.name}") for key in given if key.kind == "str"}
    values |= {DEVICE: parse_ib_devices(body[DEVICE], f"{where}.{DEVICE}")} if DEVICE in body else {}
    for key, example in EXAMPLE_VALUES.items():
        if not isinstance(body.get(key, {}), Mapping):
            raise PlanError(f"{where}.{key}: {body[key]!r} is not a mapping; write it as in {example}")
    return Group(
        deployment,
        role,
        parse_hosts(body["hosts"], f"{where}.hosts"),
        listeners=parse_listeners(body.get("listeners", {}), f"{where}.listeners"),
        extra_ports=dict(body.get("extra_ports", {})),
        server_args=dict(body.get("server_args", {})),
        env={**base_env, **parse_env(body.get("env", {}), f"{where}.env")},
        **values,
    )


def _check_role(role: str, body: Mapping[str, Any], where: str) -> None:
    for key in keys.GROUP:
        if key.name in body and role not in key.roles:
            have = f"only {' and '.join(key.roles)} {'has' if len(key.roles) == 1 else 'have'} it"
            other = (
                "remove it, or write prefill: and decode: instead of server:" if role == "server" else "move it there"
            )
            raise PlanError(f"{where}.{key.name}: {have}; {other}")


def parse_hosts(value: Any, where: str) -> str | list[str]:
    """Accept a group, a host or a pattern of them, or a list of these."""
    if isinstance(value, str) and value and not re.search(r"\s", value):
        return value
    if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
        return list(value)
    if isinstance(value, str) and value:
        names = ", ".join(filter(None, re.split(r"[,\s]+", value)))
        raise PlanError(
            f"{where}: {value!r} is one string; write the name of one group, or a YAML list such as [{names}]"
        )
    raise PlanError(f"{where}: {value!r} names no hosts; write a group of the inventory, or a list of groups and hosts")


def _known_keys(body: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(body, Mapping):
        raise PlanError(f"{where}: {body!r} is not a mapping; its keys are {', '.join(known)}")
    for key in body:
        if key in ("api_key", "admin_api_key", "api-key", "admin-api-key"):
            raise PlanError(f"{where}.{key}: API keys do not belong in the plan, which is printed; set sglang_api_keys")
        if key not in known:
            raise PlanError(f"{where}.{key}: there is no such key{_hint(str(key), known)}")


def _hint(key: str, known: tuple[str, ...]) -> str:
    """Return where a key belongs that is not known where it stands."""
    if "server_args" in known and load_history(SGLANG).spans(normal(key)):
        return "; it is an option of SGLang, so write it in server_args"
    if "server" in known and key in keys.names(keys.GROUP):
        return "; write it in server, or in prefill and decode"
    return nearest(key, known) or f"; its keys are {', '.join(known)}"


def _int(value: Any, low: int, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise PlanError(f"{where}: {_no_number(value)}")
    if value < low:
        raise PlanError(f"{where}: {value} is below {low}; write {low} or more")
    return int(value)


def _no_number(value: Any) -> str:
    if value is None:
        return "it has no value; write a number, or remove the line"
    fix = "write a whole number"
    if isinstance(value, str) and value.isdecimal():
        fix = "remove the quotes, or convert it with | int"
        # YAML reads 08998 as text, because it is no octal number either.
        fix = f"write {value.lstrip('0')}" if value.startswith("0") else fix
    return f"{shown(value)} is not a whole number; {fix}"


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        found = "it is missing" if value is None else "it is empty" if value == "" else f"{value!r} is not a string"
        raise PlanError(f"{where}: {found}; write a string")
    return str(value)
