# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every port of the unit must be free: SGLang hangs where one is taken, instead of ending."""

from __future__ import annotations

import argparse
import errno
import os
import socket
from collections.abc import Iterable

from .._base.host import Root
from .._base.sockets import owner_of_port
from . import Refusal

# What moves a port in sglang_deployments; every port without its own key follows the rendezvous.
PORT_KEYS = {"api": "port", "bootstrap": "bootstrap_port", "router": "port", "prometheus": "prometheus_port"}


def expand(texts: Iterable[str]) -> list[tuple[int, str]]:
    """Return (port, purpose) of arguments such as api=30000 and dp_attention=20001-20006."""
    ports: list[tuple[int, str]] = []
    for text in texts:
        purpose, _unused, numbers = text.rpartition("=")
        first, _unused, last = numbers.partition("-")
        ports.extend((port, purpose) for port in range(int(first), int(last or first) + 1))
    return ports


def is_taken(port: int) -> bool:
    """Return whether a server could not listen on the port, on any address of this host."""
    family = socket.AF_INET6 if os.path.exists("/proc/net/if_inet6") else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            probe.bind(("", port))
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return True
        raise
    return False


def describe_owner(port: int) -> str:
    """Return who holds a port and how to stop that, as the end of a sentence."""
    owner = owner_of_port(Root(), port)
    if owner["pid"] is None:
        return "the kernel or a process in another namespace (a container): stop it"
    unit = owner["unit"]
    fix = f"systemctl stop {unit}" if unit else f"kill {owner['pid']}"
    return f"pid {owner['pid']} ({(owner['command'] or '')[:120]}), unit {unit or 'none'}: stop it ({fix})"


def check(args: argparse.Namespace) -> None:
    """Refuse while any port of the unit is taken, and name its owner."""
    taken = [
        f"port {port} ({purpose}) is taken by {describe_owner(port)} "
        f"or set another {PORT_KEYS.get(purpose, 'dist_init_port')} for this deployment in sglang_deployments"
        for port, purpose in expand(args.ports)
        if is_taken(port)
    ]
    if taken:
        raise Refusal("; ".join(taken))
