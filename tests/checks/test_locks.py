# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks: they have what the defaults install, and each of their packages is on the index as they say."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.programs import ROUTERS
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.versions import spell

from tests.lab.settings import REPO

LOCKS = REPO / "roles/sglang_runtime/files/locks"
PYTHONS = {"sglang": ("3.11", "3.12"), "sglang-router": ("3.9", "3.13"), "smg": ("3.9", "3.13")}


def defaults() -> dict[str, str]:
    """Return the releases that are installed unless the user names another one."""
    plan = yaml.safe_load((REPO / "roles/sglang_plan/defaults/main.yml").read_text(encoding="utf-8"))
    return {"sglang": str(plan["sglang_version"]), **{name: spell(one.newest) for name, one in ROUTERS.items()}}


def test_each_default_has_a_lock() -> None:
    wanted = {f"{name}-{version}.txt" for name, version in defaults().items()}
    assert {path.name for path in LOCKS.iterdir()} == wanted


@pytest.mark.parametrize("name", sorted(PYTHONS))
def test_every_package_has_a_version_and_hashes(name: str) -> None:
    text = (LOCKS / f"{name}-{defaults()[name]}.txt").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    assert [
        one for one in blocks if not re.match(r"[\w.-]+==\S+( ; .*)? \\\n(    --hash=sha256:[0-9a-f]{64})", one)
    ] == []
    assert f"\n{name}=={defaults()[name]} " in f"\n{text}"


@pytest.mark.parametrize("name", sorted(PYTHONS))
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_index_has_what_they_say(name: str, machine: str, tmp_path: Path) -> None:
    lock = LOCKS / f"{name}-{defaults()[name]}.txt"
    for python in PYTHONS[name]:
        platform = ["--python-version", python, "--python-platform", f"{machine}-manylinux_2_34"]
        words = [".venv/bin/uv", "pip", "install", "--dry-run", "--target", str(tmp_path), *platform]
        words += ["--require-hashes", "--only-binary", ":all:", "--requirement", str(lock)]
        environment = {**os.environ, "UV_SYSTEM_CERTS": "1"}
        done = subprocess.run(words, cwd=REPO, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"Python {python}: {done.stderr}"
