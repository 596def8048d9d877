# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that stays on a host: modules of this collection, written where systemd can start them without Ansible."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

ROOT = __name__.rpartition("._base.")[0]
# The package that the installed files form; relative imports between them work as in the collection.
PACKAGE = "multinode_sglang"
LAUNCHER = """import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from {package}.{module} import main

# The program finds its own package now; nothing else is imported from this directory.
del sys.path[0]
sys.exit(main(sys.argv[1:]))
"""


def sources(names: Iterable[str]) -> dict[str, str]:
    """Return path -> text for modules by their dotted names below module_utils, and for the packages around them.

    A module that calls this imports them itself, so that Ansible ships them to the host.
    """
    found = {f"{PACKAGE}/__init__.py": ""}
    for name in names:
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            module = importlib.import_module(".".join([ROOT, *parts[:length]]))
            path = "/".join(parts[:length]) + ("/__init__.py" if hasattr(module, "__path__") else ".py")
            found[f"{PACKAGE}/{path}"] = _text(module)
    return found


def launcher(module: str) -> str:
    """Return the text of the script that calls main of a module below module_utils."""
    return LAUNCHER.format(package=PACKAGE, module=module)


def _text(module: Any) -> str:
    # A package without an own file, as Ansible makes some of them, has no text.
    loader: Any = getattr(module.__spec__, "loader", None)
    return str(loader.get_source(module.__name__) or "") if hasattr(loader, "get_source") else ""
