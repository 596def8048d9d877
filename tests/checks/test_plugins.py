"""The action group holds every module, and every action plugin has its documentation."""

from __future__ import annotations

from pathlib import Path

import yaml


def names(folder: Path) -> set[str]:
    """The public plugins in a folder."""
    return {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}


def test_the_action_group_is_complete(repo: Path) -> None:
    group = yaml.safe_load((repo / "meta/runtime.yml").read_text())["action_groups"]["all"]
    assert group == sorted(f"multinode.sglang.{name}" for name in names(repo / "plugins/modules"))


def test_every_action_plugin_is_documented_as_a_module(repo: Path) -> None:
    assert names(repo / "plugins/action") <= names(repo / "plugins/modules")
