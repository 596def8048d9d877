# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The digests of a unit: what the ranks of an instance must agree on, and what runs.

docs/what-restarts-what.md explains them to users. A change of either makes a unit stale.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

from .._base import packages, paths
from .._base.files import read
from .._base.reading import read_short


def sha(*texts: str) -> str:
    """Return the digest of texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def salt() -> str:
    """Return what makes the digests of this host's secrets useless to who guesses them: others read the digests."""
    found = (read(f"{paths.CONFIG_DIR}/{paths.SALT}") or "").strip()
    return found if re.fullmatch(r"[0-9a-f]{64}", found) else secrets.token_hex(32)


def of_secret(secret: str, salted: str) -> str:
    """Return the digest of a secret on this host. Empty where there is no secret."""
    return hmac.new(salted.encode(), secret.encode(), "sha256").hexdigest() if secret else ""


def of_runtime(interpreter: str) -> str:
    """Return the digest of the packages that an interpreter has."""
    return packages.digest(packages.installed(packages.prefix_of(interpreter)))


def agreed(planned: str, releases: Iterable[str], runtime: str) -> str:
    """Return what all ranks of an instance must agree on: plan, releases of models and packages.

    A router is an instance of one rank. planned: the digest in the plan.
    """
    return sha(planned, *releases, runtime)


def generation(shared: str, secret: str, unit_text: str, environment: Iterable[str] = ()) -> str:
    """Return what a running unit is compared with: what it shares with its instance, and its own files.

    secret: the digest of its secrets.
    """
    return sha(shared, secret, unit_text, *environment)


def running(name: str) -> str:
    """Return the generation that a unit was started with, empty if it does not run."""
    # The service user owns this directory.
    found = (read_short(f"{paths.RUN_DIR}/{name}/generation") or "").strip()
    return found if re.fullmatch(r"\w{1,64}", found, re.ASCII) else ""


def written(name: str) -> tuple[str, str]:
    """Return what the files of a unit have: the digest of the plan, and the generation; empty without files."""
    lines = (read(f"{paths.CONFIG_DIR}/{name}/environment") or "").splitlines()
    values = {key: value.strip('"') for key, _equals, value in (line.partition("=") for line in lines)}
    return values.get("SGLANG_PLAN_DIGEST", ""), values.get("SGLANG_UNIT_DIGEST", "")
