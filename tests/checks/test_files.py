"""No file carries something that is true on one machine only, or that should have been finished."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FORBIDDEN = {
    "path of a developer's machine": r"/root/[.]|/home/[a-z]+/",
    "host of a package registry": r"\b(?:pypi|pythonhosted|deb[.]debian|npmjs)[.]" + "org",
    "unfinished work": r"\b(?:TODO|FIX" + r"ME|XXX|HACK)\b",
}


def text(path: Path) -> str:
    """The text of a file; nothing for a binary one."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_has(what: str, repo: Path, files: list[Path]) -> None:
    pattern = re.compile(FORBIDDEN[what])
    this = Path(__file__).relative_to(repo)
    found = [f"{name}: {match[0]}" for name in files if name != this for match in pattern.finditer(text(repo / name))]
    assert not found


def test_no_file_names_the_directory_of_this_clone(repo: Path, files: list[Path]) -> None:
    assert not [name for name in files if f"{repo}/" in text(repo / name)]


def test_the_link_that_makes_the_clone_a_collection_is_relative(repo: Path) -> None:
    link = repo / "collections/ansible_collections/multinode/sglang"
    assert link.readlink() == Path("../../..")
