# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A distribution without apt gets a true sentence from every role that installs packages of the distribution."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checks.common import REPO

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: multinode.sglang.node_packages
      vars:
        node_packages_install: [python3-venv]
        node_packages_instead: install it with MANAGER
"""


@pytest.mark.parametrize("words", [[], ["--check"]])
def test_a_distribution_without_apt_is_named_with_the_way_out(
    controller: Path, tmp_path: Path, words: list[str]
) -> None:
    path = tmp_path / "play.yml"
    path.write_text(PLAY, encoding="utf-8")
    missing = ["-e", "__node_packages_program=/nonexistent/apt-get"]
    command: list[str | Path] = [controller / "ansible-playbook", path, *missing, *words]
    done = subprocess.run(command, cwd=REPO, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    said = " ".join(done.stdout.split())
    assert re.search(
        r"localhost \S+ [\d.]+ has no apt, with which this collection installs python3-venv "
        r"\(expected Debian, Ubuntu, or another distribution with apt\)\. Fix: install it with \w+, and run again",
        said,
    ), said
    assert "/etc/apt" not in said


def includes(tasks: Any) -> list[dict[str, Any]]:
    """Return the tasks that include the role node_packages to install something, blocks included."""
    found = []
    for task in tasks or []:
        role = task.get("ansible.builtin.include_role", {})
        if role.get("name") == "multinode.sglang.node_packages" and "tasks_from" not in role:
            found.append(task)
        for part in ("block", "rescue", "always"):
            found += includes(task.get(part))
    return found


def test_every_role_says_what_to_do_by_hand() -> None:
    files = sorted((REPO / "roles").glob("*/tasks/*.yml"))
    found = {f"{path.parts[-3]}/{path.name}": includes(yaml.safe_load(path.read_text("utf-8"))) for path in files}
    assert len([name for name, tasks in found.items() if tasks]) >= 8
    silent = [name for name, tasks in found.items() for task in tasks if "node_packages_instead" not in task["vars"]]
    assert silent == []
