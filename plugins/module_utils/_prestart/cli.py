# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks before a start, as ExecStartPre of a unit runs them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import Refusal, network, peers, ports, rdma


def parse_args(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; check is the function that they choose."""
    parser = argparse.ArgumentParser(prog="prestart.py", description="Check a host just before SGLang starts.")
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("network", help="write network.env for the interface of the cluster address")
    one.add_argument("--address", required=True)
    one.add_argument("--interface")
    one.set_defaults(check=network.check)
    one = commands.add_parser("rdma", help="write rdma.env for the RDMA devices nearest to the GPUs")
    one.add_argument("--gpus", required=True, help="numbers of the server's GPUs, such as 0,1")
    one.add_argument("--devices-file", help="write the device of each GPU to this file; fail where there is none")
    one.add_argument("patterns", nargs="*", help="names of the devices that may be used")
    one.set_defaults(check=rdma.check)
    one = commands.add_parser("ports", help="fail if a port is taken")
    one.add_argument("ports", nargs="+", metavar="PURPOSE=PORT[-PORT]")
    one.set_defaults(check=ports.check)
    one = commands.add_parser("peers", help="wait until all ranks are about to start")
    one.add_argument("--rank", type=int, required=True)
    one.add_argument("--timeout", type=float, required=True)
    one.add_argument("leader", metavar="ADDRESS:PORT")
    one.add_argument("ranks", nargs="+", metavar="HOST=ADDRESS")
    one.set_defaults(check=peers.check)
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Run one check; print one sentence and return 1 where SGLang must not start."""
    args = parse_args(argv)
    try:
        args.check(args)
    except Refusal as refusal:
        sys.stderr.write(f"refused: {refusal}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"refused: {error}; correct that on this host\n")
        return 1
    return 0
