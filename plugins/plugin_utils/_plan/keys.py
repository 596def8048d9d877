# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Every key of sglang_deployments and sglang_models: the source of checks, ansible-doc and the JSON schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALL = ("server", "prefill", "decode")
PD = ("prefill", "decode")


@dataclass(frozen=True)
class Key:
    """One key.

    kind: int, bool, str, port, hosts and options (a word or a list of words), devices, env, args, ports, listeners, or
    a mapping with keys of its own: group, router or nfs. text: what it means. default: in words, empty where leaving
    it out means nothing. low: the lowest number. roles: the groups that may have it.
    """

    name: str
    kind: str
    text: str
    default: str = ""
    required: bool = False
    low: int = 1
    roles: tuple[str, ...] = ALL


DEPLOYMENT = (
    Key("model", "str", "A name in sglang_models, a path on the hosts, or a name that SGLang resolves.", required=True),
    Key("served_model_name", "str", "The name of the model in the OpenAI API.", "the model"),
    Key("sglang_version", "str", "The release of SGLang that this deployment runs.", "that of all others"),
    Key("server", "group", "Instances that prefill and decode by themselves."),
    Key("prefill", "group", "Instances that prefill. It needs decode."),
    Key("decode", "group", "Instances that decode. It needs prefill."),
    Key("router", "router", "One or several routers in front of all instances."),
    Key("env", "env", "Environment variables of all servers of the deployment.", "those of sglang_env"),
)
GROUP = (
    Key(
        "hosts",
        "hosts",
        "A group or a host of the inventory, a pattern of them, or a list. Their order is that of the ranks.",
        required=True,
    ),
    Key("nnodes", "int", "Hosts of one instance.", "1"),
    Key("tp_size", "int", "Tensor parallel size over all hosts of an instance.", "1"),
    Key("pp_size", "int", "Pipeline parallel size over all hosts of an instance.", "1"),
    Key("ep_size", "int", "Expert parallel size. It divides tp_size.", "1"),
    Key("dp_size", "int", "Replicas inside one instance on one host.", "1"),
    Key("attn_dp_size", "int", "Attention data parallel size.", "1"),
    Key("ep_num_redundant_experts", "int", "Spare experts.", "0", low=0),
    Key("instances", "int", "Number of instances. Set it where hosts shall stay free.", "as many as fit"),
    Key("instances_per_host", "int", "At most so many instances on a host.", "as many as fit"),
    Key("port", "port", "Port of the API of the first instance on a host. The next has 64 more.", "30000"),
    Key("dist_init_port", "port", "Port of the rendezvous, counted in the same way.", "20000"),
    Key("bootstrap_port", "port", "Port of the bootstrap server, counted in the same way.", "8998", roles=("prefill",)),
    Key("moe_a2a_backend", "str", "All-to-all backend of the experts.", "SGLang's"),
    Key("host", "str", "The IP address that the API listens on.", "all addresses"),
    Key(
        "disaggregation_transfer_backend",
        "str",
        "What carries the KV cache from prefill to decode: mooncake, mooncake_tcp or nixl. Both sides need the same.",
        "SGLang's",
        roles=PD,
    ),
    Key(
        "disaggregation_ib_device",
        "devices",
        "RDMA devices for the KV cache, such as mlx5_0,mlx5_1; a list; a mapping of GPUs to devices; nearest, which "
        "gives each GPU the nearest device; or auto, with which Mooncake searches.",
        "sglang_ib_device of the host",
        roles=PD,
    ),
    Key(
        "extra_ports",
        "ports",
        "Options of SGLang that open a further port, such as grpc-port, counted as port is.",
        "none",
    ),
    Key(
        "listeners",
        "listeners",
        "Ports that other options and libraries open, by names of your choice: port, a number or a range, and from, "
        "who may connect: clients (the default), scrapers, ranks of the instance, or groups and hosts.",
        "none",
    ),
    Key("server_args", "args", "Every other option of SGLang under its own name, with dashes or underscores.", "none"),
    Key("env", "env", "Environment variables of the servers of this group.", "those of the deployment"),
)
# Every other key of a router is an option of the router.
ROUTER = (
    Key(
        "hosts",
        "hosts",
        "A group or a host of the inventory, a pattern of them, or a list. A router runs on each of them.",
        required=True,
    ),
    Key("host", "str", "The IP address that the router listens on.", "all addresses"),
    Key("port", "port", "Port of the API.", "8000"),
    Key("prometheus_port", "port", "Port of the metrics.", "29000"),
)
MODEL = (
    Key("source", "str", "The directory to copy, an absolute path on the hosts.", required=True),
    Key("nfs", "nfs", "The export that holds source, to be mounted."),
    Key("expected", "str", "The digest that the source must have, 64 characters.", "any"),
    Key(
        "release",
        "str",
        "The release to go to, previous or the digest of one that the hosts still have.",
        "that of the source",
    ),
    Key("keep", "int", "How many releases stay on the disk.", "2"),
    Key("copy", "bool", "Whether hosts have a copy. Without it they serve from source itself.", "true"),
    Key("exact", "bool", "Keep links and execute permissions, for directories that are not models.", "false"),
    Key("hosts", "hosts", "A group, a host, or a list of them, that get the model besides those that serve it."),
)
NFS = (
    Key("server", "str", "Name or address of the file server.", required=True),
    Key("export", "str", "The exported directory.", required=True),
    Key("path", "str", "The mount point above source.", required=True),
    Key("options", "options", "Mount options, a list or words with commas between them.", "read-only, for large files"),
    Key("port", "port", "Port of the file server.", "2049"),
)


def names(keys: Sequence[Key], *kinds: str) -> tuple[str, ...]:
    """Return the names of keys, those of some kinds only where kinds are given."""
    return tuple(key.name for key in keys if not kinds or key.kind in kinds)


def below(key: Key) -> tuple[Key, ...]:
    """Return the keys of a mapping with keys of its own, none for another value."""
    if key.kind == "group":
        return tuple(one for one in GROUP if key.name in one.roles)
    return {"router": ROUTER, "nfs": NFS}.get(key.kind, ())
