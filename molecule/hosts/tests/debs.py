# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a repository of small packages in a host: `python3 -c TEXT FOLDER PACKAGES`, where PACKAGES is JSON."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from base64 import b64decode
from pathlib import Path
from typing import Any


def build(folder: Path, package: dict[str, Any]) -> str:
    """Build a package, and return what the index says of it."""
    name = f"{package['name']}_{package['version']}_all.deb"
    with tempfile.TemporaryDirectory() as made:
        tree = Path(made)
        tree.chmod(0o755)
        for path, content in package.get("files", {}).items():
            place = tree / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b64decode(content[7:]) if content.startswith("base64:") else content.encode())
            place.chmod(0o755 if "/bin/" in path else 0o644)
        control = {
            "Package": package["name"],
            "Version": package["version"],
            "Architecture": "all",
            "Maintainer": "nobody <nobody@example.invalid>",
            "Description": "made by a test",
            **({"Depends": package["depends"]} if "depends" in package else {}),
        }
        lines = "".join(f"{key}: {value}\n" for key, value in control.items())
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN/control").write_text(lines)
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, folder / name], check=True)
    data = (folder / name).read_bytes()
    return f"{lines}Filename: ./{name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"


def main() -> None:
    """Build every package and the index."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Packages").write_text("\n".join(build(folder, package) for package in json.loads(sys.argv[2])))


if __name__ == "__main__":
    main()
