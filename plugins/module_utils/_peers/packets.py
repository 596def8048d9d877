# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether packets of a size reach other hosts unfragmented: echo requests to all at once. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
import time
from dataclasses import dataclass

# From linux/in.h and linux/in6.h, because not every Python has them. PROBE sets "don't fragment", and ignores the path
# MTU that the kernel has learned.
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PROBE = 10, 23, 3
ICMP_ECHO, ICMP_REPLY, ICMP6_ECHO, ICMP6_REPLY = 8, 0, 128, 129
HEADERS = {socket.AF_INET: 28, socket.AF_INET6: 48}
ATTEMPTS = 3
# Every path accepts packets of this size, IP header included.
SMALLEST = 84


@dataclass(frozen=True)
class Echo:
    """An echo request, and how to recognize its answer."""

    family: socket.AddressFamily
    size: int
    identity: int
    sequence: int

    def packet(self) -> bytes:
        """Return the request without the IP header; the kernel fills in the checksum of IPv6."""
        kind = ICMP_ECHO if self.family == socket.AF_INET else ICMP6_ECHO
        body = b"\0" * (self.size - HEADERS[self.family])
        head = struct.pack("!BBHHH", kind, 0, 0, self.identity, self.sequence)
        total = checksum(head + body) if self.family == socket.AF_INET else 0
        return struct.pack("!BBHHH", kind, 0, total, self.identity, self.sequence) + body

    def answers(self, data: bytes) -> bool:
        """Return whether a packet is the answer; a raw socket receives those of all programs."""
        if self.family == socket.AF_INET:
            data = data[(data[0] & 15) * 4 :] if data else b""
        if len(data) < 8:
            return False
        kind, _code, _sum, identity, sequence = struct.unpack("!BBHHH", data[:8])
        return kind in (ICMP_REPLY, ICMP6_REPLY) and (identity, sequence) == (self.identity, self.sequence)


def checksum(data: bytes) -> int:
    """Return the Internet checksum."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def family_of(address: str) -> socket.AddressFamily:
    """Return the address family of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def open_raw(family: socket.AddressFamily) -> socket.socket:
    """Return a socket for echo requests that are not fragmented."""
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    raw = socket.socket(family, socket.SOCK_RAW, protocol)
    if family == socket.AF_INET:
        raw.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PROBE)
    else:
        raw.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PROBE)
    raw.setblocking(False)
    return raw


def check(addresses: list[str], size: int, seconds: float) -> dict[str, str]:
    """Return address -> reason, for each address that packets of a size do not reach."""
    failed: dict[str, str] = {}
    for family in HEADERS:
        mine = [address for address in addresses if family_of(address) == family]
        if mine:
            with open_raw(family) as raw:
                failed.update(_check_family(raw, family, mine, size, seconds))
    return failed


def lost(sizes: dict[str, int]) -> dict[str, str]:
    """Return address -> reason, for each address that small packets reach and those of its size do not."""
    wanted = {address: size for address, size in sizes.items() if size > SMALLEST}
    silent = check(list(wanted), SMALLEST, 1)
    found: dict[str, str] = {}
    for size in sorted(set(wanted.values())):
        same_size = [address for address in wanted if wanted[address] == size and address not in silent]
        found.update(check(same_size, size, 2))
    return found


def _check_family(
    raw: socket.socket, family: socket.AddressFamily, addresses: list[str], size: int, seconds: float
) -> dict[str, str]:
    identity = os.getpid() & 0xFFFF
    waiting = {address: Echo(family, size, identity, number) for number, address in enumerate(addresses)}
    failed: dict[str, str] = {}
    for _attempt in range(ATTEMPTS):
        for address, echo in list(waiting.items()):
            try:
                raw.sendto(echo.packet(), (address, 0))
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.ENOBUFS):
                    failed[address] = _reason(error, size)
                    waiting.pop(address)
        _collect(raw, waiting, time.monotonic() + seconds / ATTEMPTS)
        if not waiting:
            break
    silent = f"no answer to packets of {size} bytes"
    return {**failed, **dict.fromkeys(waiting, silent)}


def _reason(error: OSError, size: int) -> str:
    if error.errno == errno.EMSGSIZE:
        return f"the outgoing interface does not accept packets of {size} bytes"
    return error.strerror or str(error)


def _collect(raw: socket.socket, waiting: dict[str, Echo], deadline: float) -> None:
    while waiting and time.monotonic() < deadline:
        if not select.select([raw], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return
        with contextlib.suppress(OSError):
            data = raw.recv(65536)
            for address in [address for address, echo in waiting.items() if echo.answers(data)]:
                waiting.pop(address)
