# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines and URLs, rendered from the types of the plan."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._base.text import host_port
from .types import Bootstrap, Instance, Option, RouterAddress, RouterUnit, ServerUnit, Worker

_NEGATIVE_NUMBER = re.compile(r"-\d+\Z|-\d*\.\d+\Z")
LAUNCH_SERVER = ("-m", "sglang.launch_server")
LAUNCH_ROUTER = {"sglang-router": ("-m", "sglang_router.launch_router"), "smg": ("-m", "smg.launch_router")}

# Options of which SGLang reads the value as a path, where that is one. What it writes may be absent.
READ = frozenset(
    (
        "chat-template", "completion-template", "config", "debug-tensor-dump-input-file", "decrypted-config-file",
        "decrypted-draft-config-file", "deepep-config", "flexkv-config-file", "init-expert-location", "kt-weight-path",
        "lmcache-config-file", "lora-paths", "model-path", "modelopt-checkpoint-restore-path", "msprobe-dump-config",
        "pdmux-config-path", "quantization-param-path", "speculative-adaptive-config", "speculative-draft-model-path",
        "speculative-dspark-confidence-sts-path", "speculative-dspark-sps-table-path",
        "speculative-ngram-external-corpus-path", "speculative-token-map", "ssl-ca-certs", "ssl-certfile",
        "ssl-keyfile", "tokenizer-path", "uno-lora-path",
    )
)  # fmt: skip


def url(one: Worker | Instance | RouterAddress | RouterUnit) -> str:
    """Return where an instance or a router answers."""
    if isinstance(one, Instance):
        return f"{one.scheme}://{host_port(one.ranks[0].address, one.api_port)}"
    return f"{one.scheme}://{host_port(one.address, one.port)}"


def bootstrap_address(one: Bootstrap) -> str:
    """Return where a bootstrap server listens."""
    return host_port(one.address, one.port)


def option_words(option: Option) -> list[str]:
    """Return the words of one option; a single value that looks like an option itself is joined to its name."""
    if len(option.values) == 1 and option.values[0].startswith("-") and not is_negative_number(option.values[0]):
        return [f"--{option.name}={option.values[0]}"]
    return [f"--{option.name}", *option.values]


def is_negative_number(text: str) -> bool:
    """Tell whether argparse takes a text that begins with a dash as a value: not -inf, and not -1e5."""
    return bool(_NEGATIVE_NUMBER.match(text))


def words(options: Iterable[Option]) -> list[str]:
    """Return options as command line words."""
    return [word for option in options for word in option_words(option)]


def server_argv(unit: ServerUnit) -> list[str]:
    """Return the command of a rank after the interpreter."""
    return [*LAUNCH_SERVER, *words(unit.options)]


def files(unit: ServerUnit) -> dict[str, list[str]]:
    """Return option -> the files and directories of the host that a rank reads."""
    found = {}
    for option in unit.options:
        if option.name in READ:
            paths = [path for value in option.values for path in _paths(value)]
            found.update({option.name: paths} if paths else {})
    return found


def _paths(value: str) -> list[str]:
    """Return the absolute path in a value; adapters are written as a path, or as NAME=PATH."""
    path = value if value.startswith("/") else value.partition("=")[2]
    return [path] if path.startswith("/") else []


def router_argv(unit: RouterUnit, with_workers: bool = True) -> list[str]:
    """Return the command of a router after the interpreter; without workers it has only what a restart can change."""
    return [*LAUNCH_ROUTER[unit.package], *words(unit.options), *(worker_words(unit.workers) if with_workers else [])]


def worker_words(workers: Iterable[Worker]) -> list[str]:
    """Return the words that tell a router its workers when it starts."""
    every = list(workers)
    disaggregated: list[str] = []
    for kind in ("prefill", "decode"):
        for one in every:
            if one.worker_type == kind:
                disaggregated += [f"--{kind}", url(one), *([str(one.bootstrap_port)] if kind == "prefill" else [])]
    if disaggregated:
        return ["--pd-disaggregation", *disaggregated]
    return ["--worker-urls", *(url(one) for one in every)]
