# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a user may write in sglang_models, checked and turned into typed objects, and what servers get for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Mount

from . import keys
from .errors import PlanError, nearest
from .intervals import LAST_PORT

NFS_PORT = 2049
PREVIOUS = "previous"
# Read-only, several connections, blocks as large as NFS has them; a boot goes on without a server that is down.
MOUNT_OPTIONS = (
    "ro", "hard", "noatime", "nconnect=8", "rsize=1048576", "retry=0",
    "nofail", "_netdev", "x-systemd.mount-timeout=60",
)  # fmt: skip
# Options that exclude each other are one.
_OPPOSITES = {"rw": "ro", "soft": "hard", "softerr": "hard", "atime": "noatime", "relatime": "noatime"}
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SERVER = re.compile(r"[A-Za-z0-9.:_-]+")
_MOUNT_OPTION = re.compile(r"[^\s#,\\]+")


@dataclass(frozen=True)
class Model:
    """One entry of sglang_models.

    release: "previous" or a digest to go to, empty for what the source has. exact: keep links and execute permissions.
    """

    name: str
    source: str
    mount: Mount | None
    expected: str
    release: str
    keep: int
    copy: bool
    exact: bool
    hosts: tuple[str, ...]

    @property
    def needs_mount(self) -> bool:
        """Tell whether its source must be mounted: a release to go to is on the disks already."""
        return not (self.copy and self.release)


@dataclass(frozen=True)
class Catalog:
    """The models of sglang_models. root: the directory of their releases. port: of the first model by name."""

    models: Mapping[str, Model]
    root: str
    port: int

    def store(self, model: Model) -> str:
        """Return the directory of a model's releases."""
        return f"{self.root}/{model.name}"

    def path(self, model: Model) -> str:
        """Return what servers of a model are given: the link to its release, or its source."""
        return f"{self.store(model)}/current" if model.copy else model.source

    def find(self, text: str) -> Model | None:
        """Return the model that a deployment means by a name or a path, None where it is another."""
        return next((model for model in self.models.values() if text in (model.name, self.path(model))), None)

    def hint(self, text: str) -> str:
        """Return a guess for a text that is nearly the name of a model; SGLang would look for it elsewhere."""
        return "" if "/" in text or text in self.models else nearest(text, self.models)

    def copy_ports(self) -> dict[str, int]:
        """Return model -> port of its copies, the same on all hosts."""
        return {name: self.port + number for number, name in enumerate(sorted(self.models))}


def parse_models(raw: Any, root: str, port: int, release: str) -> Catalog:
    """Turn sglang_models into typed objects, or refuse it. release: that of all models that name none."""
    if not root.startswith("/"):
        raise PlanError(f"sglang_models_root: {root!r} is not an absolute path; write one that begins with /")
    if not isinstance(raw, Mapping):
        raise PlanError(
            f"sglang_models: {raw!r} is not a mapping of names to settings; "
            "write it as in {llama: {source: /mnt/models/llama}}"
        )
    everywhere = _release(release, "sglang_models_release")
    models = {str(name): _model(str(name), body, everywhere) for name, body in raw.items()}
    _check_mounts(models.values())
    return Catalog(models, root.rstrip("/"), port)


def _check_mounts(models: Iterable[Model]) -> None:
    first: dict[str, Model] = {}
    for model in models:
        if model.mount and first.setdefault(model.mount.path, model).mount != model.mount:
            raise PlanError(
                f"sglang_models.{model.name}.nfs: {first[model.mount.path].name} has another export or other options "
                "at "
                f"{model.mount.path}; write the same for both, or use another path"
            )


def _model(name: str, body: Any, release: str) -> Model:
    where = f"sglang_models.{name}"
    if not _NAME.fullmatch(name):
        raise PlanError(
            f"{where}: this name cannot be that of a directory; use letters, digits, dots, dashes and underscores"
        )
    _check_keys(body, keys.names(keys.MODEL), where)
    source = _path(body.get("source"), f"{where}.source")
    if source == "/":
        raise PlanError(f"{where}.source: / is the whole file system; write the directory of the model")
    mount = _mount(body["nfs"], f"{where}.nfs") if body.get("nfs") else None
    if mount and not f"{source}/".startswith(f"{mount.path}/"):
        raise PlanError(f"{where}.source: {source} is not below the mount point {mount.path}; correct one of them")
    expected = str(body.get("expected") or "")
    if expected and not _DIGEST.fullmatch(expected):
        raise PlanError(f"{where}.expected: {expected!r} is not a digest; write 64 characters of 0 to 9 and a to f")
    own = _release(body.get("release"), f"{where}.release")
    copy, exact = body.get("copy", True), body.get("exact", False)
    for key, switch in (("copy", copy), ("exact", exact)):
        if not isinstance(switch, bool):
            raise PlanError(f"{where}.{key}: {switch!r} is not a boolean; write true or false")
    for key, value in (("expected", expected), ("release", own), ("exact", exact)):
        if value and not copy:
            raise PlanError(f"{where}.{key}: a model with copy: false has no releases; remove {key} or copy: false")
    return Model(
        name,
        source,
        mount,
        expected,
        (own or release) if copy else "",
        _number(body.get("keep", 2), f"{where}.keep"),
        copy,
        exact,
        _hosts(body.get("hosts"), f"{where}.hosts"),
    )


def _release(value: Any, where: str) -> str:
    text = str(value or "")
    if text and text != PREVIOUS and not _DIGEST.fullmatch(text):
        raise PlanError(
            f"{where}: {text!r} is not a release; write previous, or a digest of 64 characters of 0 to 9 and a to f"
        )
    return text


def _mount(body: Any, where: str) -> Mount:
    _check_keys(body, keys.names(keys.NFS), where)
    server = body.get("server")
    if not isinstance(server, str) or not _SERVER.fullmatch(server):
        raise PlanError(f"{where}.server: {server!r} is not an NFS server; write its name or address")
    options = body.get("options", [])
    given = options.split(",") if isinstance(options, str) else options
    if not isinstance(given, list) or not all(isinstance(one, str) and _MOUNT_OPTION.fullmatch(one) for one in given):
        raise PlanError(
            f"{where}.options: {options!r} is not a list of mount options; write it as in [nconnect=16, vers=4.2]"
        )
    export, path = _path(body.get("export"), f"{where}.export"), _path(body.get("path"), f"{where}.path")
    port = _number(body.get("port", NFS_PORT), f"{where}.port", LAST_PORT)
    return Mount(
        server,
        port,
        f"[{server}]:{export}" if ":" in server else f"{server}:{export}",
        path,
        ",".join(_merged((*MOUNT_OPTIONS, *(() if port == NFS_PORT else (f"port={port}",)), *given))),
    )


def _merged(options: Iterable[str]) -> list[str]:
    """Return mount options; a later one replaces an earlier one of the same name, and rw replaces ro."""
    found: dict[str, str] = {}
    for option in options:
        name = option.partition("=")[0]
        found[_OPPOSITES.get(name, name)] = option
    return list(found.values())


def _check_keys(body: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(body, Mapping):
        raise PlanError(f"{where}: {body!r} is not a mapping; its keys are {', '.join(known)}")
    for key in body:
        if key not in known:
            hint = nearest(str(key), known) or f"; its keys are {', '.join(known)}"
            raise PlanError(f"{where}.{key}: there is no such key{hint}")


def _path(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable() or ".." in value.split("/"):
        found = "it is missing" if value is None else f"{value!r} is not an absolute path"
        raise PlanError(f"{where}: {found}; write a path that begins with / and has no ..")
    return value.rstrip("/") or "/"


def _number(value: Any, where: str, most: int = 0) -> int:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise PlanError(f"{where}: {value!r} is not a number above 0; write 1 or more")
    if most and int(text) > most:
        raise PlanError(f"{where}: {value!r} is above {most}; write {most} or less")
    return int(text)


def _hosts(value: Any, where: str) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise PlanError(f"{where}: {value!r} names no hosts; write the name of a group or host, or a list of them")
    return tuple(str(name) for name in names)
