# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's models: what is served from where, and what each host needs of it. PRIVATE to the collection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import meet

KEYS = ("source", "nfs", "expected", "keep", "copy", "hosts")
NFS_KEYS = ("server", "export", "path", "options", "port")
# Read-only, several connections, blocks as large as NFS has them; a boot goes on without a server that is down.
MOUNT_OPTIONS = (
    "ro", "hard", "noatime", "nconnect=8", "rsize=1048576", "retry=0",
    "nofail", "_netdev", "x-systemd.mount-timeout=60",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[^\s#,\\]+")


class ModelError(ValueError):
    """What the user wrote cannot work; the text is one sentence with the remedy."""


@dataclass(frozen=True)
class Nfs:
    """An export and where it is mounted."""

    server: str
    export: str
    path: str
    options: tuple[str, ...]
    port: int

    def as_mount(self) -> dict[str, Any]:
        """Return it as the role's tasks need it."""
        server = f"[{self.server}]" if ":" in self.server else self.server
        port = () if self.port == 2049 else (f"port={self.port}",)
        options = merged(MOUNT_OPTIONS, (*port, *self.options))
        return {
            "server": self.server,
            "port": self.port,
            "src": f"{server}:{self.export}",
            "path": self.path,
            "opts": ",".join(options),
        }


@dataclass(frozen=True)
class Model:
    """One entry of sglang_models."""

    name: str
    source: str
    nfs: Nfs | None
    expected: str
    keep: int
    copy: bool
    hosts: tuple[str, ...]


def merged(base: Iterable[str], more: Iterable[str]) -> list[str]:
    """Return mount options; one replaces another of the same name, and rw replaces ro."""
    found = {_option(word): word for word in base}
    for word in more:
        found[_option(word)] = word
    return list(found.values())


def _option(word: str) -> str:
    name = word.partition("=")[0]
    return {"rw": "ro", "soft": "hard", "softerr": "hard", "atime": "noatime", "relatime": "noatime"}.get(name, name)


def parse_models(raw: Any) -> dict[str, Model]:
    """Turn sglang_models into typed objects, or refuse it."""
    if not isinstance(raw, Mapping):
        raise ModelError(
            "sglang_models: it must be a mapping of names to their settings, such as {llama: {source: /mnt/models/llama}}"
        )
    models = {str(name): _model(str(name), body) for name, body in raw.items()}
    mounts: dict[str, tuple[str, Nfs]] = {}
    for model in models.values():
        if model.nfs:
            first, nfs = mounts.setdefault(model.nfs.path, (model.name, model.nfs))
            if nfs != model.nfs:
                raise ModelError(
                    f"sglang_models.{model.name}.nfs: {first} has another export or other options at {nfs.path}; "
                    "write the same for both, or use another path"
                )
    return models


def _model(name: str, body: Any) -> Model:
    where = f"sglang_models.{name}"
    if not _NAME.fullmatch(name):
        raise ModelError(
            f"{where}: the name becomes a directory and a part of unit names; use letters, digits, dots, dashes, underscores"
        )
    _known(body, KEYS, where)
    source = _path(body.get("source"), f"{where}.source")
    nfs = _nfs(body["nfs"], f"{where}.nfs") if body.get("nfs") else None
    if nfs and not f"{source}/".startswith(f"{nfs.path}/"):
        raise ModelError(f"{where}.source: {source} is not below the mount point {nfs.path}; correct one of them")
    expected = str(body.get("expected") or "")
    if expected and not _DIGEST.fullmatch(expected):
        raise ModelError(
            f"{where}.expected: {expected!r} is no digest of a release; it has 64 of the characters 0 to 9 and a to f"
        )
    copy = body.get("copy", True)
    if not isinstance(copy, bool):
        raise ModelError(f"{where}.copy: it is {copy!r}; write true, or false to serve straight from the source")
    if not copy and expected:
        raise ModelError(
            f"{where}.expected: what is served straight from the source is not verified; remove it or copy: false"
        )
    return Model(
        name,
        source,
        nfs,
        expected,
        _number(body.get("keep", 2), f"{where}.keep"),
        copy,
        _hosts(body.get("hosts"), where),
    )


def _nfs(body: Any, where: str) -> Nfs:
    _known(body, NFS_KEYS, where)
    server = body.get("server")
    if not isinstance(server, str) or not re.fullmatch(r"[A-Za-z0-9.:_-]+", server):
        raise ModelError(f"{where}.server: it must be the name or the address of the NFS server")
    options = body.get("options", [])
    words = options.split(",") if isinstance(options, str) else options
    if not isinstance(words, list) or not all(isinstance(word, str) and _WORD.fullmatch(word) for word in words):
        raise ModelError(f"{where}.options: it must be a list of mount options, such as [nconnect=16, vers=4.2]")
    export, path = _path(body.get("export"), f"{where}.export"), _path(body.get("path"), f"{where}.path")
    return Nfs(server, export, path, tuple(words), _number(body.get("port", 2049), f"{where}.port"))


def _known(body: Any, keys: tuple[str, ...], where: str) -> None:
    if not isinstance(body, Mapping):
        raise ModelError(f"{where}: it must be a mapping with {', '.join(keys)}")
    for key in body:
        if key not in keys:
            raise ModelError(f"{where}.{key}: there is no such key; there are {', '.join(keys)}")


def _path(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable() or ".." in value.split("/"):
        raise ModelError(f"{where}: it must be an absolute path, and is {value!r}")
    return value.rstrip("/") or "/"


def _number(value: Any, where: str) -> int:
    if isinstance(value, bool) or not str(value).isdigit() or int(value) < 1:
        raise ModelError(f"{where}: it must be a number, at least 1, and is {value!r}")
    return int(value)


def _hosts(value: Any, where: str) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelError(f"{where}.hosts: it must be the name of a group or a host, or a list of them")
    return tuple(names)


@dataclass(frozen=True)
class Setting:
    """Where the models go, and how."""

    root: str
    port: int
    release: str
    address: str


def store_of(root: str, name: str) -> str:
    """Return the directory of a model's releases."""
    return f"{root}/{name}"


def path_of(model: Model, root: str) -> str:
    """Return what servers of a model are given: the link to its release, or its source."""
    return f"{store_of(root, model.name)}/current" if model.copy else model.source


def served(text: str, models: Mapping[str, Model], root: str) -> Model | None:
    """Return the model that a deployment means by its name or its path, None if it is another."""
    return next((model for model in models.values() if text in {model.name, path_of(model, root)}), None)


def served_on(
    host: str, models: Mapping[str, Model], plan: Mapping[str, Any], groups: Mapping[str, Any], root: str
) -> list[Model]:
    """Return the models that a host needs: its units serve them, or the model names the host or its group."""
    here = plan.get("hosts", {}).get(host, {})
    used = {unit["model"] for unit in here.get("units", [])}
    return [
        model
        for model in models.values()
        if path_of(model, root) in used or any(_is(host, name, groups) for name in model.hosts)
    ]


def _is(host: str, name: str, groups: Mapping[str, Any]) -> bool:
    return host == name or host in groups.get(name, [])


def releases(models: Mapping[str, Model], wanted: Iterable[Model], setting: Setting) -> list[dict[str, Any]]:
    """Return what the module release gets for these models; a model has the same port on every host."""
    numbers = {name: number for number, name in enumerate(sorted(models))}
    return [
        {
            "name": model.name,
            "store": store_of(setting.root, model.name),
            "source": model.source,
            "expected": model.expected,
            "release": setting.release,
            "keep": model.keep,
            "address": setting.address,
            "port": setting.port + numbers[model.name],
        }
        for model in wanted
        if model.copy
    ]


def refuse_taken_ports(found: Iterable[Mapping[str, Any]], host: str, plan: Mapping[str, Any]) -> None:
    """Refuse a port of these releases that a server of the host listens on."""
    for unit in plan.get("hosts", {}).get(host, {}).get("units", []):
        for release in found:
            port = release["port"]
            if any(meet(str(port), taken) for taken in unit.get("ports", {}).values()):
                raise ModelError(
                    f"model_weights_port: {release['name']} would be copied over port {port} of {host}, which {unit['name']} has; "
                    "choose a port far from those of the servers"
                )


def mounts(wanted: Iterable[Model]) -> list[dict[str, Any]]:
    """Return the mounts that these models need, each once."""
    return list({model.nfs.path: model.nfs.as_mount() for model in wanted if model.nfs}.values())
