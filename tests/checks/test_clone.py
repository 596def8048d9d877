"""A clone works as it stands, under every ansible-core that there is."""

from __future__ import annotations

from pathlib import Path

from tests.checks.common import run


def test_every_playbook_is_accepted(repo: Path, controller: Path) -> None:
    playbooks = sorted((repo / "playbooks").glob("*.yml"))
    run([controller / "ansible-playbook", "--syntax-check", "-i", "inventories/two_node_tp", *playbooks], repo)


def test_the_plan_of_every_inventory_is_made(repo: Path, controller: Path, inventory: Path) -> None:
    printed = run([controller / "ansible-playbook", "playbooks/plan.yml", "-i", inventory], repo)
    assert "changed=0" in printed
    assert "sglang.launch_server" in printed
    assert "DEPRECATION" not in printed


def test_every_inventory_loads_without_a_warning(repo: Path, controller: Path, inventory: Path) -> None:
    printed = run([controller / "ansible-inventory", "--list", "-i", inventory], repo)
    assert "[WARNING]" not in printed
