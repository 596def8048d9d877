# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a plain host: Debian with systemd, sshd and ufw."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import docker
from docker.errors import APIError, BuildError, ImageNotFound

from . import engine
from .progress import LabError, run_logged, say, step
from .settings import HERE, STATE, digest

DEBIAN = "debian:12"
SUITE = "bookworm"
LOCAL_DEBIAN = "sglang-lab/debian"
BASE = "sglang-lab/base"
BUILD_FILES = HERE / "host_image"
TRIM = (
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
)


def base(client: docker.DockerClient) -> str:
    """The tag of the plain host's image; builds it if its inputs changed."""
    files = [BUILD_FILES / name for name in ("Dockerfile", "configure.sh", "packages.txt", "archive.txt")]
    tag = f"{BASE}:{digest(files)}"
    if has(client, tag):
        return tag
    debian = _debian(client)
    with step(f"Building the hosts' image {tag} (about a minute)"):
        try:
            client.images.build(path=str(BUILD_FILES), tag=tag, buildargs={"BASE": debian}, rm=True, forcerm=True)
        except BuildError as error:
            log = STATE / "image-build.log"
            log.write_text("".join(str(line.get("stream", line)) for line in error.build_log))
            raise LabError(f"The hosts' image did not build: {error.msg}; the whole output is in {log}.") from error
    forget_others(client, tag)
    return tag


def has(client: docker.DockerClient, tag: str) -> bool:
    """Whether the engine has this image."""
    try:
        client.images.get(tag)
    except ImageNotFound:
        return False
    return True


def forget_others(client: docker.DockerClient, tag: str) -> None:
    """Remove the images that a new one replaces, but for those that a host still uses."""
    for image in client.images.list(name=tag.split(":", maxsplit=1)[0]):
        if tag not in image.tags:
            try:
                client.images.remove(str(image.id))
            except APIError:
                say(f"kept {image.tags[0]}: something still uses it")


def _debian(client: docker.DockerClient) -> str:
    """An ordinary Debian image: the engine's own, or one made from this machine's package sources."""
    if has(client, DEBIAN):
        return DEBIAN
    try:
        with step(f"Pulling {DEBIAN}"):
            client.images.pull(DEBIAN)
    except APIError as error:
        say(f"no registry gives {DEBIAN} ({error.explanation}): making it from this machine's package sources")
        return _bootstrap(client)
    return DEBIAN


def _bootstrap(client: docker.DockerClient) -> str:
    tag = f"{LOCAL_DEBIAN}:{SUITE}"
    if has(client, tag):
        return tag
    if os.geteuid() != 0:
        raise LabError(f"No registry gives {DEBIAN}, and only root can make it with mmdebstrap: become root.")
    if shutil.which("mmdebstrap") is None:
        engine.apt_install("mmdebstrap")
    tar = STATE / "debian.tar"
    argv = ["mmdebstrap", "--variant=apt", "--format=tar", *TRIM, SUITE, str(tar), str(sources())]
    run_logged("Unpacking Debian with mmdebstrap (about 30 s)", argv, STATE / "mmdebstrap.log", fast_tmp())
    with step(f"Importing it as {tag}"):
        client.api.import_image_from_file(str(tar), *tag.split(":"))
    tar.unlink()
    return tag


def sources() -> Path:
    """The package sources of this machine."""
    for path in (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")):
        if path.exists():
            return path
    raise LabError("This machine has no Debian package sources in /etc/apt: put a debian:12 image into the engine.")


def fast_tmp() -> dict[str, str]:
    """Unpack in memory where there is room: twice as fast as on most disks."""
    memory = Path("/dev/shm")
    room = os.statvfs(memory) if memory.is_dir() else None
    enough = room is not None and room.f_bavail * room.f_frsize > 4 << 30
    return {**os.environ, "TMPDIR": str(memory)} if enough else dict(os.environ)
