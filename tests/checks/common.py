"""Where things are, and how the checks run a command."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

REPO = Path(__file__).parents[2]
CONTROLLERS = [name for name in (".venv", ".venv-core2.21") if (REPO / name / "bin/ansible").exists()]
INVENTORIES = sorted(path.name for path in (REPO / "inventories").iterdir() if path.is_dir())


def run(words: Sequence[str | Path], cwd: Path, **env: str) -> str:
    """Run a command, and return what it printed; a failure shows all of it."""
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def build(folder: Path) -> Path:
    """Build the collection into a folder, and return the archive."""
    run([REPO / CONTROLLERS[0] / "bin/ansible-galaxy", "collection", "build", "--output-path", folder], REPO)
    (built,) = folder.glob("multinode-sglang-*.tar.gz")
    return built


def install(artefact: Path, folder: Path) -> dict[str, str]:
    """Install the built collection in a folder, and return the environment in which only that one is found."""
    galaxy = REPO / CONTROLLERS[0] / "bin/ansible-galaxy"
    run([galaxy, "collection", "install", "--offline", "--no-deps", "-p", folder, artefact], folder, HOME=str(folder))
    return {"ANSIBLE_COLLECTIONS_PATH": str(folder), "HOME": str(folder)}
