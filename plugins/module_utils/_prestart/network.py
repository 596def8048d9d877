# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which interface carries the cluster address now."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping

from . import Refusal

COMMAND_SECONDS = 10


def addresses_by_interface(ip_json: str) -> dict[str, list[str]]:
    """Return interface -> addresses from the output of 'ip -j addr show'."""
    found = {}
    for link in json.loads(ip_json):
        if link.get("ifname"):
            found[link["ifname"]] = [info["local"] for info in link.get("addr_info", []) if "local" in info]
    return found


def choose_interface(address: str, wanted: str | None, interfaces: Mapping[str, list[str]]) -> str:
    """Return the interface that the ranks use; refuse with what this host has."""
    carrier = next((name for name, owned in interfaces.items() if address in owned), None)
    if carrier is None:
        have = ", ".join(f"{name} {' '.join(owned)}" for name, owned in interfaces.items() if owned) or "no address"
        raise Refusal(
            f"the cluster address {address} is on no interface of this host (it has {have}); "
            "correct sglang_cluster_address in the inventory"
        )
    if wanted is None:
        return carrier
    if wanted not in interfaces:
        raise Refusal(
            f"the interface {wanted} does not exist on this host (it has {', '.join(interfaces)}); "
            "correct sglang_cluster_interface in the inventory"
        )
    return wanted


def environment(interface: str, environ: Mapping[str, str]) -> str:
    """Return the lines of network.env: only what the unit does not set itself."""
    # NCCL reads a bare name as a prefix (eth1 would match eth10); gloo takes the name as it is.
    wanted = {"GLOO_SOCKET_IFNAME": interface, "NCCL_SOCKET_IFNAME": f"={interface}"}
    return "".join(f'{name}="{value}"\n' for name, value in wanted.items() if name not in environ)


def check(args: argparse.Namespace) -> None:
    """Write network.env, and the generation that is about to run."""
    # systemd runs this, without a module that has run_command.
    command = ["ip", "-j", "addr", "show"]
    try:
        listing = subprocess.run(  # pylint: disable=ansible-bad-function
            command, check=True, capture_output=True, text=True, timeout=COMMAND_SECONDS
        ).stdout
        addresses = addresses_by_interface(listing)
    except FileNotFoundError as error:
        raise Refusal("the command ip is not there; install the package iproute2 (Fedora and RHEL: iproute)") from error
    except (subprocess.SubprocessError, ValueError) as error:
        raise Refusal(f"the interfaces of this host are not known: {error}; run {' '.join(command)}") from error
    interface = choose_interface(args.address, args.interface, addresses)
    directory = pathlib.Path(os.environ["RUNTIME_DIRECTORY"])
    (directory / "network.env").write_text(environment(interface, os.environ), encoding="utf-8")
    (directory / "generation").write_text(os.environ.get("SGLANG_UNIT_DIGEST", "") + "\n", encoding="utf-8")
    sys.stdout.write(f"the cluster address {args.address} is on {interface}\n")
