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
