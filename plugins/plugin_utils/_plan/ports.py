# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Every port of every instance, the ones that SGLang derives included, and why each is what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Option

from .disaggregation import serves_bootstrap_on_api
from .env import is_true
from .errors import PlanError
from .intervals import LAST_PORT, Interval, inside, text_of
from .listeners import derived
from .placement import Placed
from .programs import PORT_OPTIONS
from .schema import Group

# The ports of slot 0 are those that SGLang's documents use; each further slot of a host is one stride above.
BASES = {"api": 30000, "dist_init": 20000, "bootstrap": 8998, "router": 8000, "prometheus": 29000}
STRIDE = 64
# Offsets from the rendezvous port: SGLang derives the first two (ZMQ_TCP_PORT_DELTA range and
# DP_ATTENTION_HANDSHAKE_PORT_DELTA), the others are ours and leave room for one port per DP rank of the rust server.
DP_FIRST, DP_LAST, HANDSHAKE, NCCL, BARRIER = 1, 6, 13, 50, 51
# The unit of a router may open ports below 1024, such as 443.
PRIVILEGED = ("router", "prometheus")
# What SGLang and its libraries take at run time, and no option pins.
MOONCAKE: Interval = (15000, 17000)

# What is the same for all instances of a group, because an option or a variable of the group says it.
FIXED = ("kv_events", "kv_replay", "load", "nixl_store", "seed")

WHY = {
    "api": "--port: the API on rank 0, a health answer on the other ranks",
    "dist_init": "--dist-init-addr: the rendezvous on rank 0",
    "dp_attention": "rendezvous + 1 to + 6: ZMQ between tokenizer, controller and schedulers under attention data "
    "parallelism",
    "dp_handshake": "rendezvous + 13: rank 0 hands the other hosts their attention data parallel ports",
    "nccl": "--nccl-port: torch's store where no rendezvous is used; prechecked by SGLang on every host",
    "barrier": "prestart.py: all ranks wait for each other here before they start",
    "bootstrap": "--disaggregation-bootstrap-port: decode instances ask this prefill instance here",
    "kv_events": "kv-events-config: the events of the KV cache, a port for each data parallel rank",
    "kv_replay": "kv-events-config: the replay of these events",
    "load": "load-publish-endpoint: the load feed",
    "seed": "--engine-info-bootstrap-port: where an instance offers its weights to others",
    "nixl_store": "SGLANG_TCP_STORE_PORT: torch's store of the nixl backend on rank 0",
    "router": "--port of the router: the API",
    "prometheus": "--prometheus-port of the router",
    "copy": "sglang_models_port and those above: hosts copy a model from each other here",
}


def fixed_ports(group: Group, options: tuple[Option, ...]) -> dict[str, Interval]:
    """Return the ports that all instances of a group have alike. options: what the user set for SGLang."""
    replicas = max(group.dp_size, group.attn_dp_size)
    return {
        **{listener.port_name: listener.ports for listener in group.listeners},
        **derived(options, group.env, group.moe_a2a_backend, replicas, group.where),
    }


def instance_ports(placed: Placed, fixed: Mapping[str, Interval]) -> dict[str, Interval]:
    """Return the ports of an instance by name, the same on all its hosts. fixed: those of its group."""
    group = placed.group
    api = _base(placed, "api", group.port)
    dist = _base(placed, "dist_init", group.dist_init_port)
    ports = {
        "api": (api, api),
        "dist_init": (dist, dist),
        "dp_attention": (dist + DP_FIRST, dist + DP_LAST + _rust_ranks(group)),
        "dp_handshake": (dist + HANDSHAKE, dist + HANDSHAKE),
        "nccl": (dist + NCCL, dist + NCCL),
        "barrier": (dist + BARRIER, dist + BARRIER),
    }
    if group.role == "prefill" and not serves_bootstrap_on_api(group):
        bootstrap = _base(placed, "bootstrap", group.bootstrap_port)
        ports["bootstrap"] = (bootstrap, bootstrap)
    ports.update(fixed)
    for name, port in group.extra_ports.items():
        shifted = port + placed.local * STRIDE
        ports[name] = (shifted, shifted)
    if "engine-info-bootstrap-port" in ports:
        ports.pop("seed", None)
    return ports


def _base(placed: Placed, name: str, given: int | None) -> int:
    """A port that the user gave counts up within its own group, a default one with the host's slots."""
    if given is not None:
        return given + placed.local * STRIDE
    return BASES[name] + placed.slot * STRIDE


def _rust_ranks(group: Group) -> int:
    return group.attn_dp_size if is_true(group.env, "SGLANG_RUST_SERVER") else 0


def check_range(
    ports: Iterable[tuple[str, Interval]], owner: str, ephemeral: Interval, reserved: Sequence[Interval]
) -> None:
    """Refuse ports that do not exist, and those that the kernel may hand to somebody else first."""
    for name, (first, last) in ports:
        if last > LAST_PORT:
            raise PlanError(f"{_port(owner, name, first, last)} is above {LAST_PORT}; lower {_moved_by(name)}")
        if first < 1024 and name not in PRIVILEGED:
            raise PlanError(
                f"{_port(owner, name, first, last)} is below 1024, which only root may open; raise {_moved_by(name)}"
            )
        if first <= ephemeral[1] and ephemeral[0] <= last and not inside((first, last), reserved):
            raise PlanError(
                f"{_port(owner, name, first, last)} is inside the ephemeral range {text_of(ephemeral)}, where the "
                "kernel may "
                f"give it to another program; change {_moved_by(name)}, or reserve it on the hosts "
                "(net.ipv4.ip_local_reserved_ports) and in sglang_plan_reserved_ports"
            )


def check_dynamic(ports: Mapping[str, Interval], owner: str) -> None:
    """Refuse ports where Mooncake takes any port that is free."""
    for name, (first, last) in ports.items():
        if first <= MOONCAKE[1] and MOONCAKE[0] <= last:
            raise PlanError(
                f"{_port(owner, name, first, last)} is inside {text_of(MOONCAKE)}, where Mooncake takes ports at "
                f"random; change {_moved_by(name)}"
            )


def _port(owner: str, name: str, first: int, last: int) -> str:
    return f"{owner}: port {text_of((first, last))} ({WHY.get(name, f'--{name}')})"


Claim = tuple[Interval, str, str]  # ports, who wants them, their name
# What moves a port whose name says nothing of it.
_MOVED_BY = {
    "copy": "sglang_models_port",
    "router": "port of the router",
    "prometheus": "prometheus_port",
    "api": "port",
    "bootstrap": "bootstrap_port",
    "kv_events": "endpoint in server_args.kv-events-config",
    "kv_replay": "replay_endpoint in server_args.kv-events-config",
    "load": "server_args.load-publish-endpoint",
    "seed": "extra_ports.engine-info-bootstrap-port",
    "nixl_store": "SGLANG_TCP_STORE_PORT in env",
}


def check_collisions(claims: Mapping[str, Sequence[Claim]]) -> list[str]:
    """Find ports that are claimed twice on one host; returns one sentence for all hosts where it is the same twice."""
    found: dict[tuple[str, ...], list[tuple[str, Claim, Claim]]] = {}
    for host, unsorted in claims.items():
        rows = sorted(unsorted)
        widest = rows[0]
        for row in rows[1:]:
            if (
                row[0][0] <= widest[0][1]
                and (widest[1], widest[2]) != (row[1], row[2])
                and not _same_block(widest, row)
            ):
                key = (_group(widest[1]), widest[2], _group(row[1]), row[2])
                found.setdefault(key, []).append((host, widest, row))
            if row[0][1] > widest[0][1]:
                widest = row
    return [_collision(hits) for hits in found.values()]


def _group(owner: str) -> str:
    """Return what the instances of a group have in common: llama-7 -> llama."""
    name, _dash, number = owner.rpartition("-")
    return name if number.isdecimal() else owner


def _same_block(left: Claim, right: Claim) -> bool:
    """The rust server's DP ports run over the handshake port of the same instance: SGLang's matter, not a collision."""
    return left[1] == right[1] and {left[2], right[2]} == {"dp_attention", "dp_handshake"}


def _collision(hits: Sequence[tuple[str, Claim, Claim]]) -> str:
    hosts = dict.fromkeys(host for host, _left, _right in hits)
    left, right = (f"{owner} ({name} {text_of(ports)})" for ports, owner, name in hits[0][1:])
    return (
        f"host{'s' if len(hosts) > 1 else ''} {first_few(hosts)}: {left} and {right} use the same port; "
        f"{_parted(*hits[0][1:])}"
    )


def _parted(left: Claim, right: Claim) -> str:
    """Return what parts two claims. What an option says is the same for all instances of its group."""
    (_left, owner, name), (_right, other, second) = left, right
    if owner != other and _group(owner) == _group(other) and name == second and _is_fixed(name):
        return "set instances_per_host: 1, or write a deployment for each, with ports of its own"
    return f"change {' or '.join(dict.fromkeys(map(_moved_by, (name, second))))}"


def _is_fixed(name: str) -> bool:
    return name in FIXED or name.startswith("listeners.")


def _moved_by(name: str) -> str:
    if name in _MOVED_BY:
        return _MOVED_BY[name]
    return "dist_init_port" if name in WHY else f"extra_ports.{name}" if name in PORT_OPTIONS else name
