# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers and routers of a plan, for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import (
    Option,
    Rank,
    RouterUnit,
    ServerUnit,
    Worker,
)

SERVER = ServerUnit(
    name="sglang-llama-0",
    instance="llama-0@node1",
    deployment="llama",
    role="server",
    rank=1,
    nnodes=2,
    slot=0,
    host="node2",
    address="10.0.0.12",
    interface="",
    ranks=(Rank("node1", "10.0.0.11"), Rank("node2", "10.0.0.12")),
    gpus=(0, 1),
    gpu_uuids=(),
    ports={"api": "30000", "dist_init": "20000", "dp_attention": "20001-20006", "barrier": "20051"},
    api_port=30000,
    scheme="http",
    model="/models/llama 3",
    served_model="llama",
    sglang_version="0.5.23",
    options=(Option("model-path", ("/models/llama 3",)), Option("tp-size", ("4",)), Option("enable-metrics")),
    environment={"SGLANG_HOST_IP": "10.0.0.12", "NCCL_DEBUG": "WARN"},
    ib_devices_file="",
    digest="plan",
)
WORKERS = (
    Worker("llama-prefill-0@node1", "prefill", "http", "10.0.0.1", 30000, 8998),
    Worker("llama-decode-0@node2", "decode", "http", "10.0.0.2", 30000),
)
ROUTER = RouterUnit(
    name="sglang-router-llama",
    deployment="llama",
    host="router1",
    address="10.0.0.9",
    port=8000,
    scheme="http",
    ports={"router": "8000", "prometheus": "29000"},
    package="sglang-router",
    options=(Option("host", ("0.0.0.0",)), Option("port", ("8000",)), Option("prefill-policy", ("random",))),
    workers=WORKERS,
    served_model="llama",
    digest="plan",
)


def options(**named: Any) -> tuple[Option, ...]:
    """Return options: tp_size=2 is --tp-size 2, and True is a flag."""
    return tuple(
        Option(name.replace("_", "-"), () if value is True else (str(value),)) for name, value in named.items()
    )


def server(name: str = "a", rank: int = 0, nnodes: int = 1, **changes: Any) -> ServerUnit:
    """Return a rank of the first instance of a deployment."""
    ranks = tuple(Rank(f"node{number + 1}", f"10.0.0.{number + 11}") for number in range(nnodes))
    own = {
        "name": f"sglang-{name}-0",
        "instance": f"{name}-0@node1",
        "deployment": name,
        "environment": {},
        "digest": "1",
    }
    where = {"rank": rank, "nnodes": nnodes, "host": ranks[rank].host, "address": ranks[rank].address, "ranks": ranks}
    return replace(SERVER, **{**own, **where, "model": "owner/name", "options": (), **changes})


def router(name: str = "a", *workers: Worker, **changes: Any) -> RouterUnit:
    """Return the router of a deployment."""
    own = {"name": f"sglang-router-{name}", "deployment": name, "workers": workers, "options": (), "digest": "1"}
    return replace(ROUTER, **{**own, **changes})


def worker(number: int, kind: str = "decode", port: int = 0) -> Worker:
    """Return a worker of deployment a."""
    return Worker(f"a-{kind}-0@node{number}", kind, "http", f"10.0.0.{number}", 30000, port)
