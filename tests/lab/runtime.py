# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of the lab's hosts: the plain host, with SGLang and its routers installed by the collection's roles."""

from __future__ import annotations

import json
import os

import docker
from docker.models.containers import Container

from . import hosts, image, registry
from .progress import run_logged, say, step
from .settings import ANSIBLE_PLAYBOOK, HERE, KEY, REPO, SSH_OPTIONS, STATE, digest

RUNTIME = "sglang-lab/runtime"
PLAYBOOK = HERE / "host_image" / "runtime.yml"
# What decides what the roles install; their documentation does not, nor what else the role sglang_router does.
INPUTS = (
    "roles/sglang_plan/defaults/main.yml",
    "roles/sglang_runtime/[!m]*/**/*",
    "roles/sglang_router/defaults/main.yml",
    "roles/sglang_router/tasks/[im]*.yml",
    "roles/sglang_router/tasks/runtime.yml",
    "tests/lab/host_image/router.yml",
    "plugins/modules/runtime.py",
    "plugins/module_utils/_runtime/*.py",
    "plugins/module_utils/_base/packages.py",
)
BUILDER = "build"
SUBNET = "10.77.255.0/28"
CLEAN = "rm -rf ~/.ansible ~/.cache /tmp/* /var/tmp/* /var/log/journal; : >/etc/machine-id; rm -f /etc/ssh/ssh_host_*"


def tag(client: docker.DockerClient) -> str:
    """The tag of the image; builds it if its inputs changed."""
    chosen = os.environ.get("SGLANG_LAB_RUNTIME_IMAGE")
    if chosen:
        say(f"the hosts' image is {chosen}, because SGLANG_LAB_RUNTIME_IMAGE says so")
        return chosen
    plain = image.base(client)
    files = [path for pattern in INPUTS for path in REPO.glob(pattern) if path.is_file()]
    name = f"{RUNTIME}:{digest([*files, PLAYBOOK], plain)}"
    if not image.has(client, name):
        _build(client, plain, name)
        image.forget_others(client, name)
    return name


def _build(client: docker.DockerClient, plain: str, name: str) -> None:
    source = registry.detect()
    shape = hosts.Shape(plain, source.mounts, "64m", (registry.wheels(),))
    hosts.up(client, BUILDER, [BUILDER], SUBNET, shape)
    try:
        _play(hosts.address(SUBNET, 0), source.environment)
        container = hosts.find(client, BUILDER, BUILDER)
        hosts.run(container, ["sh", "-c", CLEAN])
        _commit(container, name)
    finally:
        hosts.down(client, BUILDER)


def _play(where: str, environment: dict[str, str]) -> None:
    variables = {"lab_environment": environment, "ansible_user": "root", "ansible_ssh_private_key_file": str(KEY)}
    variables["ansible_ssh_common_args"] = " ".join(SSH_OPTIONS)
    argv = [
        ANSIBLE_PLAYBOOK,
        f"--inventory={where},",
        f"--extra-vars={json.dumps(variables)}",
        str(PLAYBOOK),
    ]
    what = "Installing SGLang and the routers in the hosts' image with the collection's roles (2 to 4 minutes)"
    run_logged(what, argv, STATE / "runtime.log", {**os.environ, "ANSIBLE_FORCE_COLOR": "false"}, REPO)


def _commit(container: Container, name: str) -> None:
    with step(f"Stopping the host and saving it as {name}"):
        container.stop(timeout=30)
        container.commit(*name.split(":"), pause=False)
