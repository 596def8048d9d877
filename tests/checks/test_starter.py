# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The starter works as it is written, away from the clone, and overwrites nothing."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
import yaml

from tests.checks.common import install, run

FILES = [
    ".gitignore", "ansible.cfg", "inventory/group_vars/all/deployments.yml", "inventory/hosts.yml", "requirements.yml",
]  # fmt: skip


@pytest.fixture(scope="module")
def env(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a user of the installed collection."""
    return install(artefact, tmp_path_factory.mktemp("installed"))


def init(controller: Path, folder: Path, env: dict[str, str]) -> str:
    """Write the starter into a folder, from there."""
    return run([controller / "ansible-playbook", "multinode.sglang.init", "-e", "dest=."], folder, **env)


def test_what_it_writes_is_planned(controller: Path, tmp_path: Path, env: dict[str, str]) -> None:
    init(controller, tmp_path, env)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == FILES
    printed = run([controller / "ansible-playbook", "multinode.sglang.plan"], tmp_path, **env)
    assert "DEPLOYMENT qwen: Qwen/Qwen3-32B on SGLang 0.5.23, 2 instances" in printed
    assert "[WARNING]" not in printed


def test_a_file_that_is_there_stays(controller: Path, tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "ansible.cfg").write_text("# mine\n", encoding="utf-8")
    printed = init(controller, tmp_path, env)
    assert "Kept as they were, because they were there: ansible.cfg" in printed
    assert (tmp_path / "ansible.cfg").read_text(encoding="utf-8") == "# mine\n"
    printed = init(controller, tmp_path, env)
    assert "changed=0" in printed
    assert f"Written in {tmp_path}: nothing" in printed


def settings(path: Path) -> dict[str, dict[str, str]]:
    """Return the sections of an ansible.cfg."""
    parser = configparser.ConfigParser()
    parser.read(path)
    return {name: dict(parser[name]) for name in parser.sections()}


def test_its_settings_are_those_of_the_clone(repo: Path) -> None:
    starter, clone = settings(repo / "playbooks/files/init/ansible.cfg"), settings(repo / "ansible.cfg")
    assert starter["defaults"].pop("inventory") == "inventory"
    assert clone["defaults"].pop("collections_path") == "collections"
    # A clone has playbooks that need no inventory; a starter has one.
    assert starter.pop("inventory") == {"unparsed_is_failed": "true"}
    assert starter == clone


def test_its_requirements_are_those_of_the_clone(repo: Path) -> None:
    starter, clone = (repo / name for name in ("playbooks/files/init/requirements.yml", "collections/requirements.yml"))
    assert yaml.safe_load(starter.read_text()) == yaml.safe_load(clone.read_text())
