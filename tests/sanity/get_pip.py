"""Stands in for the script that ansible-test downloads to put pip into a new environment: Python brings its own."""

from __future__ import annotations

import subprocess
import sys


def main() -> None:
    """Install pip from Python's own copy, then what ansible-test asks for."""
    unknown_to_pip = {"--no-setuptools", "--no-wheel"}
    subprocess.run([sys.executable, "-m", "ensurepip"], check=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *(word for word in sys.argv[1:] if word not in unknown_to_pip)],
        check=True,
    )


main()
