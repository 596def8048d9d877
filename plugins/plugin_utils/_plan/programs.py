# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The programs whose commands the plan writes: SGLang's server and its two routers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .versions import NEWEST, Version


@dataclass(frozen=True)
class Program:
    """What is known of a program.

    title: its name in messages and as a package. table: file with the options of its known releases, newest: the last
    of them. owned: option -> how the user sets it instead. refused: option -> what it would do, and what to do. asked:
    whether the parser on the hosts is asked where the release is not known. variable: what sets its version. module:
    how it starts.
    """

    title: str
    table: str
    newest: Version
    variable: str
    module: str
    owned: Mapping[str, str] = field(hash=False)
    refused: Mapping[str, str] = field(default_factory=dict, hash=False)
    asked: bool = False


# What the plan writes itself, and how the user sets it instead.
_SGLANG_OWNED = {
    "model-path": "set model on the deployment",
    "served-model-name": "set served_model_name on the deployment",
    "host": "set host next to hosts",
    "port": "set port next to hosts",
    "nccl-port": "set dist_init_port to move it",
    "dist-init-addr": "set dist_init_port to move its port; its host is the first of the instance",
    "nnodes": "set nnodes next to hosts",
    "node-rank": "remove it, because the order of the hosts decides it",
    "tp-size": "set tp_size next to hosts",
    "pp-size": "set pp_size next to hosts",
    "ep-size": "set ep_size next to hosts",
    "dp-size": "set dp_size (replicas on one host) or attn_dp_size next to hosts",
    "attn-dp-size": "set attn_dp_size next to hosts",
    "enable-dp-attention": "set attn_dp_size next to hosts",
    "moe-a2a-backend": "set moe_a2a_backend next to hosts",
    "ep-num-redundant-experts": "set ep_num_redundant_experts next to hosts",
    "base-gpu-id": "remove it, because the plan places instances on GPUs",
    "gpu-id-step": "remove it, because the plan places instances on consecutive GPUs",
    "disaggregation-mode": "write prefill: and decode: groups",
    "disaggregation-bootstrap-port": "set bootstrap_port on the prefill group",
    "disaggregation-transfer-backend": "set disaggregation_transfer_backend next to hosts",
    "disaggregation-ib-device": "set disaggregation_ib_device next to hosts",
    "api-key": "set sglang_api_key, which never reaches a command line",
    "admin-api-key": "set sglang_admin_api_key, which never reaches a command line",
    "config": "write its options here; --config is used for the API keys",
    "use-ray": "remove it, because the collection starts every rank itself",
    "grpc-port": "set extra_ports: {grpc-port: N}",
    "gated-launch-port": "set extra_ports: {gated-launch-port: N}",
    "engine-info-bootstrap-port": "set extra_ports: {engine-info-bootstrap-port: N}",
    "encoder-bootstrap-port": "set extra_ports: {encoder-bootstrap-port: N}",
    "help": "remove it, because it prints and ends",
}
_GRPC_ONLY = "makes a server that has no HTTP API, which routers and checks ask; remove it"
_SIDECAR = "is for servers without an HTTP API, which the plan does not have; remove it"
_SGLANG_REFUSED = {
    # One option: until 0.5.20, and since.
    "grpc-mode": _GRPC_ONLY,
    "smg-grpc-mode": _GRPC_ONLY,
    "grpc-http-sidecar-port": _SIDECAR,
    "smg-http-sidecar-port": _SIDECAR,
    "encoder-only": "makes a server that encodes for others and answers no request (EPD), which the plan cannot "
    "connect; remove it",
    "ssl-keyfile-password": "would show the password to every user of the host; set ssl_keyfile_password of the "
    "deployment in sglang_server_secrets",
}
PORT_OPTIONS = (
    "grpc-port",
    "gated-launch-port",
    "engine-info-bootstrap-port",
    "encoder-bootstrap-port",
)
_SECRET = "set it in sglang_router_secret_options, which never reach a command line"  # noqa: S105 a sentence
_KUBERNETES = "remove it, because the workers come from the inventory, not from Kubernetes"
_ROUTER_OWNED = {
    "host": "set host next to hosts",
    "port": "set port next to hosts",
    "prometheus-port": "set prometheus_port next to hosts",
    "worker-urls": "remove it, because the workers are the instances of the deployment",
    "pd-disaggregation": "write prefill: and decode: groups",
    "prefill": "remove it, because the workers are the instances of the deployment",
    "decode": "remove it, because the workers are the instances of the deployment",
    "mini-lb": "remove it, because it is for debugging only",
    "epd-disaggregation": "remove it, because the plan has no encode instances",
    "encode": "remove it, because the plan has no encode instances",
    "enable-igw": "give each model a deployment with its own router",
    "service-discovery": _KUBERNETES,
    "service-discovery-port": _KUBERNETES,
    "service-discovery-namespace": _KUBERNETES,
    "selector": _KUBERNETES,
    "prefill-selector": _KUBERNETES,
    "decode-selector": _KUBERNETES,
    "encode-selector": _KUBERNETES,
    "router-selector": _KUBERNETES,
    "api-key": "set sglang_api_key, which the router uses, too, and which never reaches a command line",
    "control-plane-api-keys": _SECRET,
    "tenant-api-key": _SECRET,
    "oracle-password": _SECRET,
    "postgres-db-url": _SECRET,
    "redis-url": _SECRET,
    "help": "remove it, because it prints and ends",
}
# What else a router listens on when it is asked to.
ROUTER_PORT_OPTIONS = ("health-check-port", "mesh-port")

SGLANG = Program(
    "SGLang",
    "options-sglang.json",
    NEWEST,
    "sglang_version",
    "sglang.launch_server",
    _SGLANG_OWNED,
    _SGLANG_REFUSED,
    asked=True,
)
# Where the model is a release, its host adds which one.
SGLANG_WITH_RELEASE = replace(
    SGLANG,
    owned={**_SGLANG_OWNED, "weight-version": "remove it, because each host sets it to the release of the model"},
)
ROUTERS = {
    "sglang-router": Program(
        "sglang-router",
        "options-sglang-router.json",
        (0, 3, 2),
        "sglang_router_version",
        "sglang_router.launch_router",
        _ROUTER_OWNED,
    ),
    "smg": Program("smg", "options-smg.json", (1, 13, 0), "sglang_router_version", "smg.launch_router", _ROUTER_OWNED),
}
