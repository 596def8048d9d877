# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Large packets, between two network namespaces of which one side takes less than the other sends."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._peers import packets
from ansible_collections.multinode.sglang.plugins.module_utils._peers.packets import Echo

# A pair of interfaces: what one side sends and the other is too small for is dropped without a word, as by a switch.
NETWORK = """
set -e
ip link set lo up
unshare --net sleep 60 & other=$!
trap 'kill $other' EXIT
for attempt in $(seq 50); do
  [ "$(readlink /proc/$other/ns/net)" = "$(readlink /proc/self/ns/net)" ] || break
  sleep 0.1
done
ip link add here mtu 9000 type veth peer name there mtu "$1" netns "$other"
ip address add 10.99.0.1/24 dev here
ip -6 address add fd99::1/64 dev here nodad
ip link set here up
nsenter --target "$other" --net ip address add 10.99.0.2/24 dev there
nsenter --target "$other" --net ip -6 address add fd99::2/64 dev there nodad
nsenter --target "$other" --net ip link set there up
shift
"$@"
"""
PROGRAM = """
import json, sys
from ansible_collections.multinode.sglang.plugins.module_utils._peers.packets import check
print(json.dumps(check(sys.argv[2:], int(sys.argv[1]), 1.5)))
"""
SILENT = "no answer to packets of 9000 bytes"


def ask(other_mtu: int, size: int, *addresses: str) -> dict[str, str]:
    """Ask from a namespace of its own."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        pytest.skip("a network namespace needs root, unshare, nsenter and ip")
    words = [
        "unshare",
        "--net",
        "bash",
        "-c",
        NETWORK,
        "network",
        str(other_mtu),
        sys.executable,
        "-c",
        PROGRAM,
        str(size),
        *addresses,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60)
    if "Operation not permitted" in done.stderr or "Unknown device type" in done.stderr:
        pytest.skip("this machine has no network namespaces or no veth")
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_a_path_that_takes_them() -> None:
    assert ask(9000, 9000, "10.99.0.2", "fd99::2") == {}


def test_a_path_that_drops_them_without_a_word() -> None:
    assert ask(1500, 9000, "10.99.0.2", "fd99::2", "127.0.0.1") == {"10.99.0.2": SILENT, "fd99::2": SILENT}


def test_small_ones_still_go_there() -> None:
    assert ask(1500, 1500, "10.99.0.2", "fd99::2") == {}


def test_an_own_interface_that_is_too_small_is_named() -> None:
    found = ask(9000, 9001, "10.99.0.2", "fd99::2", "10.98.0.1")
    too_large = "the outgoing interface does not accept packets of 9001 bytes"
    assert (found["10.99.0.2"], found["fd99::2"]) == (too_large, too_large)
    assert "unreachable" in found["10.98.0.1"]


def test_a_host_that_is_not_there_is_silent() -> None:
    assert ask(9000, 1500, "10.99.0.9", "10.99.0.2") == {"10.99.0.9": "no answer to packets of 1500 bytes"}


def test_the_checksum_of_a_packet_makes_its_sum_zero() -> None:
    for size in (64, 65, 9000):
        assert packets.checksum(Echo(socket.AF_INET, size, 7, 3).packet()) == 0


def test_a_packet_has_the_size_that_an_mtu_counts_without_the_header_of_ip() -> None:
    assert len(Echo(socket.AF_INET, 9000, 1, 1).packet()) == 8980
    assert len(Echo(socket.AF_INET6, 9000, 1, 1).packet()) == 8960


def test_only_its_own_answer_counts() -> None:
    echo = Echo(socket.AF_INET6, 64, 7, 3)
    assert echo.answers(b"\x81\0\0\0\0\x07\0\x03")
    assert not echo.answers(b"\x80\0\0\0\0\x07\0\x03")
    assert not echo.answers(b"\x81\0\0\0\0\x08\0\x03")
    assert not echo.answers(b"\x81\0")
    assert not Echo(socket.AF_INET, 64, 7, 3).answers(b"")
