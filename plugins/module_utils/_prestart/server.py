# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher of a server: it adds what was found on the host and the secrets, and becomes SGLang.

systemd would read a file of the service's user for every command of the unit, those of root included.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence

from .._base.reading import read_short
from . import Refusal, secrets

# The checks before the start write these into the directory of the unit: file -> the variables in it.
FOUND = {"network.env": ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), "rdma.env": ("NCCL_IB_HCA",)}
_LINE = re.compile(r'(\w+)="([^"\n]*)"')


def found(directory: str) -> dict[str, str]:
    """Return the variables that the checks have written."""
    environment = {}
    for name, known in FOUND.items():
        for variable, value in _LINE.findall(read_short(f"{directory}/{name}") or ""):
            if variable in known:
                environment[variable] = value
    return environment


def main(argv: Sequence[str]) -> int:
    """Become the command; return 1 where it cannot be started."""
    parser = argparse.ArgumentParser(prog="server.py", description="Start a server.")
    parser.add_argument("action", choices=["run", "run-with-secrets"])
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND ARGUMENT...")
    args = parser.parse_args(argv)
    environment = {**found(os.environ["RUNTIME_DIRECTORY"]), **os.environ}
    try:
        if args.action == "run-with-secrets":
            environment.update({str(name): str(value) for name, value in secrets().items()})
        os.execve(args.command[0], args.command, environment)
    except Refusal as refusal:
        sys.stderr.write(f"refused: {refusal}\n")
    except OSError as error:
        sys.stderr.write(f"refused: {args.command[0]} cannot be started: {error.strerror}; deploy again\n")
    return 1
