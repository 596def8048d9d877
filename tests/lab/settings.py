# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps its files, and the names that it uses in the engine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .progress import step

REPO = Path(__file__).resolve().parents[2]
HERE = REPO / "tests" / "lab"
STATE = REPO / ".lab"
# The controller's commands stand beside the Python that runs this, whether or not PATH names them.
ANSIBLE_PLAYBOOK = str(Path(sys.executable).parent / "ansible-playbook")
KEY = STATE / "id_ed25519"

LABEL_LAB = "multinode.sglang.lab"
LABEL_HOST = "multinode.sglang.host"
LABEL_SHAPE = "multinode.sglang.shape"

# The hosts are made anew with new keys, at addresses that come back.
SSH_OPTIONS = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")

SHIM_IN_HOST = "/opt/sglang-lab/shim"
STAND_IN_IN_HOST = "/opt/sglang-lab/stand-in"
MODELS_IN_HOST = "/models"


def cache() -> Path:
    """The folder of what is costly to make and independent of one clone."""
    return Path(os.environ.get("SGLANG_LAB_CACHE", "~/.cache/multinode-sglang-lab")).expanduser()


@contextmanager
def builder() -> Iterator[None]:
    """Let one process at a time build, or start, what all clones on this machine share; the next one finds it there."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("Waiting for another process that starts the engine, or builds the lab's images or models"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(files: Iterable[Path], *words: str) -> str:
    """A short name for the contents of these files and these words."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    for word in words:
        total.update(word.encode() + b"\0")
    return total.hexdigest()[:12]
