"""The built collection holds what its users need and nothing else, and works where it is installed."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.checks.common import REPO, install, run

ALLOWED = {
    "CHANGELOG.md", "COPYING", "FILES.json", "MANIFEST.json", "README.md", "changelogs", "docs", "inventories",
    "meta", "playbooks", "plugins", "requirements.txt", "roles",
}  # fmt: skip


@pytest.fixture(scope="module")
def installed(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the collection is installed in, away from the clone."""
    folder = tmp_path_factory.mktemp("installed")
    install(artefact, folder)
    return folder


def members(artefact: Path) -> list[str]:
    """The names of the files in the built collection."""
    with tarfile.open(artefact) as archive:
        return [member.name for member in archive if member.isfile()]


def test_nothing_else_is_in_it(artefact: Path) -> None:
    assert {name.split("/", maxsplit=1)[0] for name in members(artefact)} <= ALLOWED
    assert not [name for name in members(artefact) if "__pycache__" in name or "_cache" in name]


def test_everything_of_the_clone_that_a_user_needs_is_in_it(artefact: Path, files: list[Path]) -> None:
    needed = {str(name) for name in files if name.parts[0] in {"meta", "playbooks", "plugins", "roles", "inventories"}}
    assert {name for name in needed if not name.startswith("inventories/lab")} <= set(members(artefact))


def test_the_inventories_of_the_lab_are_not_in_it(artefact: Path) -> None:
    assert not [name for name in members(artefact) if ".lab" in name or name.startswith("inventories/lab")]


def test_the_playbooks_run_by_their_full_names(installed: Path, controller: Path) -> None:
    names = [f"multinode.sglang.{path.stem}" for path in sorted((REPO / "playbooks").glob("*.yml"))]
    inventory = installed / "ansible_collections/multinode/sglang/inventories/two_node_tp"
    env = {"ANSIBLE_COLLECTIONS_PATH": str(installed), "HOME": str(installed)}
    run([controller / "ansible-playbook", "--syntax-check", "-i", inventory, *names], installed, **env)
    printed = run([controller / "ansible-playbook", "-i", inventory, "multinode.sglang.plan"], installed, **env)
    assert "sglang.launch_server" in printed
    assert str(REPO) not in printed
