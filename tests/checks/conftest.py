"""What the checks of the repository share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.common import CONTROLLERS, INVENTORIES, REPO, build, run


@pytest.fixture
def repo() -> Path:
    """The root of the repository."""
    return REPO


@pytest.fixture(params=CONTROLLERS)
def controller(request: pytest.FixtureRequest) -> Path:
    """The programs of each controller that there is."""
    return REPO / str(request.param) / "bin"


@pytest.fixture(params=INVENTORIES)
def inventory(request: pytest.FixtureRequest) -> Path:
    """Each example inventory."""
    return REPO / "inventories" / str(request.param)


@pytest.fixture(scope="session")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built collection."""
    return build(tmp_path_factory.mktemp("artefact"))


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """The files of the repository, tracked or new, relative to its root."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], REPO).split("\0")
    return [Path(name) for name in listed if name and (REPO / name).is_file()]
