# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts a host asks for the blocks of a run, in which order, and which it has given up."""

from __future__ import annotations

import threading
import time

from . import wire
from .progress import Meter

DIAL = 2.0
# An idle connection is used again within this time; the other side hangs up after a longer one.
_FRESH = 10.0
_DEAD = 10.0
_NOT_YET = 0.1
_REST = 0.5


class Plan:
    """The hosts of a run in the order of the chain, and how patient they are."""

    def __init__(
        self,
        token: str,
        own: int,
        hosts: list[tuple[str, int]],
        witness: int | None = None,
        grace: float = 60,
        linger: float = 30,
        look: float = 2,
    ) -> None:
        """Keep the parts; `own` is the number of this host, `witness` that of the witness, if unset the last one."""
        self.witness = len(hosts) - 1 if witness is None else witness
        self.token = wire.token_of(token)
        self.own, self.hosts = own, [(str(host), int(port)) for host, port in hosts]
        self.grace, self.linger, self.look = float(grace), float(linger), float(look)


class Chain:
    """The hosts that this one asks."""

    def __init__(self, plan: Plan, meter: Meter) -> None:
        """Start with the host before this one."""
        self.plan, self._meter = plan, meter
        self._lock = threading.Lock()
        self._banned: set[int] = set()
        self._dead: dict[int, float] = {}
        self._resting: dict[int, float] = {}
        self._calls: dict[wire.Channel, int] = {}
        self._idle: list[tuple[float, wire.Channel]] = []
        self._begin = time.monotonic()
        self._reached: set[int] = set()
        self.last = False

    def candidates(self) -> list[int]:
        """Return the hosts to ask, the best first."""
        own, now = self.plan.own, time.monotonic()
        before = list(range(own - 1, -1, -1))
        order = [*range(len(self.plan.hosts) - 1, own, -1), *before] if self.last else before
        with self._lock:
            away = {
                number for number, until in (*self._dead.items(), *self._resting.items()) if until > now
            } | self._banned
        return [number for number in order if number not in away]

    def waiting(self) -> bool:
        """Return whether it is too early to read the source: no host was reached yet, or one has nothing right now."""
        with self._lock:
            resting = max(self._resting.values(), default=0.0) > time.monotonic()
        return self.plan.own > 0 and (resting or (not self._reached and self._early()))

    def rest(self, number: int) -> None:
        """Ask other hosts for a moment: this one has nothing for a host at the end of the chain."""
        with self._lock:
            self._resting[number] = time.monotonic() + _REST

    def _early(self) -> bool:
        return time.monotonic() - self._begin < self.plan.grace

    def lost(self, number: int, error: OSError) -> None:
        """Leave a host alone for a while; for a short one where its program may not have started yet."""
        early = isinstance(error, ConnectionRefusedError) and number not in self._reached and self._early()
        with self._lock:
            self._dead[number] = time.monotonic() + (_NOT_YET if early else _DEAD)
        if not early:
            self._meter.blame(self.plan.hosts[number][0], str(error) or type(error).__name__)

    def ban(self, number: int, why: str) -> None:
        """Do not ask a host again in this run."""
        self._meter.blame(self.plan.hosts[number][0], why)
        with self._lock:
            self._banned.add(number)
            for channel, other in self._calls.items():
                if other == number:
                    channel.hang_up()

    def dial(self, number: int, patience: float) -> wire.Channel:
        """Connect to a host; the connection ends when the host is banned."""
        channel = wire.dial(self.plan.hosts, number, self.plan.token, self.plan.own, DIAL)
        channel.socket.settimeout(patience)
        with self._lock:
            self._reached.add(number)
            self._calls[channel] = number
        return channel

    def keep(self, channel: wire.Channel) -> None:
        """Keep an idle connection for the next file."""
        with self._lock:
            self._idle.append((time.monotonic(), channel))

    def call(self, number: int, patience: float) -> wire.Channel:
        """Return an idle connection, or make one."""
        with self._lock:
            kept = next(((since, channel) for since, channel in self._idle if self._calls[channel] == number), None)
            if kept:
                self._idle.remove(kept)
        if kept and time.monotonic() - kept[0] < _FRESH:
            return kept[1]
        if kept:
            self.close(kept[1])
        return self.dial(number, patience)

    def close(self, channel: wire.Channel) -> None:
        """End a connection."""
        with self._lock:
            del self._calls[channel]
        channel.close()
