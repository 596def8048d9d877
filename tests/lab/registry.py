# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How this machine's pip reaches its packages, so that a container which builds something can do the same."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .progress import say
from .settings import cache

CACHE_IN_HOST = "/var/cache/sglang-lab"
# uv has names of its own for what matters here.
UV_NAMES = {
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "constraint": "UV_CONSTRAINT",
}
PATHS = ("find-links", "index-url", "extra-index-url", "cert", "constraint")


@dataclass(frozen=True)
class Registry:
    """What a container needs to install packages as this machine does."""

    mounts: tuple[tuple[str, str], ...]
    environment: dict[str, str]


def detect() -> Registry:
    """Read this machine's pip configuration; on an ordinary machine there is none, and nothing is carried over."""
    options = _pip_options()
    environment = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in options.items()}
    environment |= {UV_NAMES[name]: value for name, value in options.items() if name in UV_NAMES}
    if "extra-index-url" in options:
        environment["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    bundle = options.get("cert") or os.environ.get("SSL_CERT_FILE")
    if bundle and Path(bundle).is_file():
        environment |= {"PIP_CERT": bundle, "SSL_CERT_FILE": bundle, "REQUESTS_CA_BUNDLE": bundle}
    paths = {path for name in PATHS for word in options.get(name, "").split() if (path := _path(word))}
    paths |= {Path(bundle)} if bundle and Path(bundle).is_file() else set()
    if options:
        say(f"this machine's pip has a configuration of its own ({', '.join(options)}): used while building, not kept")
    environment |= {
        "PIP_CACHE_DIR": f"{CACHE_IN_HOST}/pip",
        "UV_CACHE_DIR": f"{CACHE_IN_HOST}/uv",
        "UV_LINK_MODE": "copy",
    }
    return Registry(tuple((str(path), str(path)) for path in sorted(paths)), environment)


def wheels() -> tuple[str, str]:
    """The mount of the cache of downloaded packages."""
    folder = cache() / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder), CACHE_IN_HOST


def _pip_options() -> dict[str, str]:
    """The options of pip's configuration files and environment that hold for every command."""
    argv = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    options = {}
    for line in sorted(lines, key=lambda line: line.startswith(":env:")):
        name, value = line.split("=", 1)
        section, option = name.split(".", 1)
        if section in ("global", ":env:"):
            options[option] = " ".join(str(ast.literal_eval(value)).split())
    return options


def _path(word: str) -> Path | None:
    """The folder or file of this machine that a word of pip's configuration needs, if it is on this machine."""
    url = urlsplit(word)
    if url.scheme == "file":
        # The pages of an index link to files beside it.
        return Path(url.path).parent
    return Path(word) if word.startswith("/") and Path(word).exists() else None
