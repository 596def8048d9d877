# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The programs whose commands the plan writes: SGLang's server and its two routers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .versions import NEWEST, OPTION_SINCE, Version


@dataclass(frozen=True)
class Program:
    """What is known of a program's options.

    title: its name in messages. table: file with the options of its newest known release. owned: option -> where the user says
    it instead. since: option -> first release that has it. variable: what sets its version. help: the command that lists its options.
    """

    title: str
    table: str
    newest: Version
    variable: str
    help: str
    owned: Mapping[str, str] = field(hash=False)
    since: Mapping[str, Version] = field(default_factory=dict, hash=False)


# What the plan writes itself, and where the user says it instead.
_SGLANG_OWNED = {
    "model-path": "set model on the deployment",
    "served-model-name": "set served_model_name on the deployment",
    "host": "set host beside hosts",
    "port": "set port beside hosts",
    "nccl-port": "it belongs to the port plan",
    "dist-init-addr": "the plan uses the cluster address of the first host; set dist_init_port to move its port",
    "nnodes": "set nnodes beside hosts",
    "node-rank": "the order of the hosts decides it",
    "tp-size": "set tp_size beside hosts",
    "pp-size": "set pp_size beside hosts",
    "ep-size": "set ep_size beside hosts",
    "dp-size": "set dp_size (replicas on one host) or attn_dp_size beside hosts",
    "attn-dp-size": "set attn_dp_size beside hosts",
    "enable-dp-attention": "set attn_dp_size beside hosts",
    "moe-a2a-backend": "set moe_a2a_backend beside hosts",
    "ep-num-redundant-experts": "set ep_num_redundant_experts beside hosts",
    "base-gpu-id": "the plan places instances on GPUs",
    "gpu-id-step": "the plan places instances on consecutive GPUs",
    "disaggregation-mode": "write prefill: and decode: groups",
    "disaggregation-bootstrap-port": "set bootstrap_port on the prefill group",
    "disaggregation-transfer-backend": "set disaggregation_transfer_backend beside hosts",
    "disaggregation-ib-device": "set disaggregation_ib_device beside hosts",
    "api-key": "set sglang_server_api_key, which never reaches a command line",
    "admin-api-key": "set sglang_server_admin_api_key, which never reaches a command line",
    "config": "write the options here; the role uses --config for the API keys",
    "use-ray": "the collection starts every rank itself",
    "grpc-port": "set extra_ports: {grpc-port: N}",
    "smg-http-sidecar-port": "set extra_ports: {smg-http-sidecar-port: N}",
    "gated-launch-port": "set extra_ports: {gated-launch-port: N}",
    "engine-info-bootstrap-port": "set extra_ports: {engine-info-bootstrap-port: N}",
    "encoder-bootstrap-port": "set extra_ports: {encoder-bootstrap-port: N}",
    "help": "it prints and ends",
}
PORT_OPTIONS = (
    "grpc-port",
    "smg-http-sidecar-port",
    "gated-launch-port",
    "engine-info-bootstrap-port",
    "encoder-bootstrap-port",
)
_SECRET = "set it in sglang_router_secret_options, which never reach a command line"  # noqa: S105 a sentence
_KUBERNETES = "the workers are those of the inventory, not of a Kubernetes cluster"
_ROUTER_OWNED = {
    "host": "set host beside hosts",
    "port": "set port beside hosts",
    "prometheus-port": "set prometheus_port beside hosts",
    "worker-urls": "the workers are the instances of the deployment",
    "pd-disaggregation": "write prefill: and decode: groups",
    "prefill": "the workers are the instances of the deployment",
    "decode": "the workers are the instances of the deployment",
    "mini-lb": "it is for debugging, and a process in Python",
    "epd-disaggregation": "the plan has no encode instances",
    "encode": "the plan has no encode instances",
    "enable-igw": "a router serves one deployment; give every model a deployment with a router of its own",
    "service-discovery": _KUBERNETES,
    "service-discovery-port": _KUBERNETES,
    "service-discovery-namespace": _KUBERNETES,
    "selector": _KUBERNETES,
    "prefill-selector": _KUBERNETES,
    "decode-selector": _KUBERNETES,
    "encode-selector": _KUBERNETES,
    "router-selector": _KUBERNETES,
    "api-key": "set sglang_server_api_key, which the router takes over and which never reaches a command line",
    "control-plane-api-keys": _SECRET,
    "tenant-api-key": _SECRET,
    "oracle-password": _SECRET,
    "postgres-db-url": _SECRET,
    "redis-url": _SECRET,
    "help": "it prints and ends",
}
# What else a router listens on when it is asked to.
ROUTER_PORT_OPTIONS = ("health-check-port", "mesh-port")

SGLANG = Program(
    "SGLang",
    "options-sglang-0.5.23.json",
    NEWEST,
    "sglang_runtime_version",
    "launch_server",
    _SGLANG_OWNED,
    since=OPTION_SINCE,
)
# Where the model is a release, the host that has it tells which.
SGLANG_WITH_RELEASE = replace(SGLANG, owned={**_SGLANG_OWNED, "weight-version": "it names the release of the model"})
ROUTERS = {
    "sglang-router": Program(
        "sglang-router",
        "options-sglang-router-0.3.2.json",
        (0, 3, 2),
        "sglang_router_version",
        "sglang_router.launch_router",
        _ROUTER_OWNED,
    ),
    "smg": Program(
        "smg", "options-smg-1.13.0.json", (1, 13, 0), "sglang_router_version", "smg.launch_router", _ROUTER_OWNED
    ),
}
