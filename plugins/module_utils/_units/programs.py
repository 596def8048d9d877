# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that units run, one copy on a host for servers and routers."""

from __future__ import annotations

import os

from .._base import host, paths, pci, processes, program, rdma, reading, sockets, text
from .._base.files import Directory, File
from .._prestart import cli, gate, hello, network, peers, ports, router, server
from .._prestart import rdma as rdma_check

# Importing them makes Ansible ship them; a program has no other modules.
MODULES = (
    host, pci, processes, rdma, reading, sockets, text, cli, gate, hello, network, peers, ports, rdma_check,
    router, server,
)  # fmt: skip
LAUNCHERS = {"prestart.py": cli, "router.py": router, "server.py": server}


def prestart() -> str:
    """Return the path of the checks before a start."""
    return f"{paths.LIBRARY_DIR}/prestart.py"


def router_launcher() -> str:
    """Return the path of the program that starts a router."""
    return f"{paths.LIBRARY_DIR}/router.py"


def server_launcher() -> str:
    """Return the path of the program that starts a server."""
    return f"{paths.LIBRARY_DIR}/server.py"


def files() -> tuple[File | Directory, ...]:
    """Return the directories and files of the programs, parents first."""
    sources = {f"{paths.LIBRARY_DIR}/{path}": text for path, text in program.sources(map(_name, MODULES)).items()}
    folders = {path.rpartition("/")[0] for path in sources} | {paths.LIBRARY_DIR}
    return (
        *(Directory(path, 0o755) for path in sorted(folders)),
        *(File(path, text, 0o644, bulky=True) for path, text in sorted(sources.items())),
        *(
            File(f"{paths.LIBRARY_DIR}/{name}", program.launcher(_name(module)), 0o755, bulky=True)
            for name, module in LAUNCHERS.items()
        ),
    )


def strays() -> list[str]:
    """Return what is in the package of the programs and is none of them, such as modules of an older version."""
    package = f"{paths.LIBRARY_DIR}/{program.PACKAGE}"
    known = {item.path for item in files()}
    found = []
    # Links inside are not followed, and one in its place leads to what is somebody's.
    for folder, folders, names in () if os.path.islink(package) else os.walk(package):
        found += [f"{folder}/{name}" for name in (*folders, *names) if f"{folder}/{name}" not in known]
        folders[:] = [name for name in folders if f"{folder}/{name}" in known]
    return sorted(found)


def _name(module: object) -> str:
    return str(getattr(module, "__name__", ""))[len(program.ROOT) + 1 :]
