# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other hosts of the run as an origin: each gets from the host before it what that has already verified.

The first host reads the source. Where the host before is dead, silent, damaged or slow, the one before that is asked,
and at last the source. A slow host is passed by and goes to the end of the chain; from then on it lets no other host
wait, so no circle can form.

Any of them may lie, and its marks with it. So one host of the run is the witness: it reads from the source itself what
no list of sums proves, and the others publish only what has the same digest.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable

from . import wire
from .chain import DIAL, Chain, Plan
from .journal import key
from .origin import Blocks, Source
from .progress import Meter
from .scan import Item
from .shelf import Server, Shelf

# A host that gives a sign of life every half second is given up after this.
_PATIENCE = 5.0
# A host whose rate is below this part of the one before it, for so many looks, holds the others back.
_SLOW = 0.7
_LOOKS = 3
# Only so slow a host is worth a second reader of the source: the source may have a faster network of its own.
_SLOW_TO_READ = 0.25


class _Trend:
    """The progress of a host: its blocks, its rate over the last looks, and the highest one, in blocks a second."""

    def __init__(self) -> None:
        self.blocks, self.rate, self.most = -1, 0.0, 0.0
        # A look takes as long as the network is full, and a slow network has few blocks a look: one alone says little.
        self._seen: deque[tuple[float, int]] = deque(maxlen=_LOOKS + 1)

    def note(self, blocks: int | None) -> _Trend:
        """Take a count, none where the host did not answer."""
        if blocks is not None:
            self.blocks = blocks
            self._seen.append((time.monotonic(), blocks))
            (begin, first), (end, last) = self._seen[0], self._seen[-1]
            self.rate = (last - first) / max(end - begin, 0.001)
            if len(self._seen) > _LOOKS:
                self.most = max(self.most, self.rate)
        return self

    def behind(self, other: _Trend, look: float, slow: float = _SLOW) -> bool:
        """Return whether another host has much more, and this one does not catch up."""
        return other.blocks - self.blocks > max(16, 2 * look * other.most) and self.rate < slow * other.most


class Peers(Source):
    """The chain, with the source behind it."""

    def __init__(self, root: str, block: int, meter: Meter, plan: Plan) -> None:
        """Start to serve, and to watch the host before."""
        super().__init__(root, block, meter)
        self.shelf = Shelf(block)
        self.chain = Chain(plan, meter)
        self.server = Server(self.shelf, plan.token, plan.own, plan.hosts)
        self._over = threading.Event()
        self.witness = plan.own == plan.witness
        self._proved: frozenset[str] = frozenset()
        # Whether this host reads most of the release itself.
        self._alone = False
        self._said: str | None = None
        # Since when the witness does not answer.
        self._silent = time.monotonic()
        if not self.witness:
            threading.Thread(target=self._ask_witness, daemon=True).start()
        if plan.own > 0:
            threading.Thread(target=self._watch, daemon=True).start()

    def blocks(self, item: Item, end: int, check: Callable[[], None]) -> Blocks:
        """Return a reader that gets a file from the chain; of what a witness vouches for, from the source."""
        if self.witness and item.path not in self._proved:
            return Blocks(self, item)
        return _FromPeers(self, item, end, check)

    def proved(self, paths: frozenset[str], few: bool) -> None:
        """Get these files from the chain, whoever this host is."""
        self._proved, self._alone = paths, self.witness and few

    def vouch(self, digest: str) -> None:
        """Tell the others the digest of what this host has read from the source."""
        if self.witness:
            self.server.vouched = bytes.fromhex(digest)

    def second_reading(self, tick: Callable[[], None]) -> str | None:
        """Wait for the witness, as long as it answers."""
        while not self.witness and self._said is None and time.monotonic() - self._silent < self.chain.plan.grace:
            tick()
            time.sleep(0.1)
        return self._said

    def _ask_witness(self) -> None:
        """Ask until the witness knows its digest. It serves as long as somebody asks."""
        plan = self.chain.plan
        while self._said is None and not self._over.is_set():
            # Not by the chain, which would take the witness for a host that can be asked for blocks.
            with contextlib.suppress(OSError):
                channel = wire.dial(plan.hosts, plan.witness, plan.token, plan.own, DIAL)
                with contextlib.closing(channel):
                    channel.ask(wire.VOUCH)
                    kind, _number, digest = channel.answered()
                self._silent = time.monotonic()
                if kind == wire.VOUCHED:
                    self._said = digest.hex()
            self._over.wait(plan.look)

    def offer(self, root: str, files: list[tuple[str, str, int, bytearray]]) -> None:
        """Give others what has come so far."""
        self.shelf.offer(root, files)

    def moved(self, root: str) -> None:
        """Give it from there."""
        self.shelf.root = root

    def taken(self) -> None:
        """Wake the connections that wait for this block."""
        self.shelf.notify()

    def sent_to_the_end(self) -> None:
        """Take the place at the end of the chain."""
        self.chain.last = True
        self.server.patient = False

    def end(self, serve: bool) -> None:
        """Serve until no host has asked for a while, and stop."""
        self._over.set()
        while serve and time.monotonic() - self.server.last_use < self.chain.plan.linger:
            time.sleep(0.1)
        self.server.close()

    def _watch(self) -> None:
        """Pass by the host before where it holds this one back: it gets its data late, or gives it too slowly."""
        gets, gives = 0, 0
        trends: dict[int, _Trend] = {}
        look = self.chain.plan.look
        while not self._over.wait(look):
            candidates = self.chain.candidates()
            if self.chain.last or self._alone or not candidates or self.chain.waiting():
                continue
            near, far = candidates[0], candidates[1] if len(candidates) > 1 else None
            mine = trends.setdefault(self.chain.plan.own, _Trend()).note(self.shelf.blocks())
            theirs = trends.setdefault(near, _Trend()).note(self._so_far(near))
            ahead = trends.setdefault(far, _Trend()).note(self._so_far(far)) if far is not None else theirs
            gets = gets + 1 if theirs.behind(ahead, look) else 0
            gives = gives + 1 if mine.behind(theirs, look, _SLOW if far is not None else _SLOW_TO_READ) else 0
            # The host after this one is given the time to pass this one by, should it be this one that is slow.
            if (gets >= _LOOKS or gives >= 2 * _LOOKS) and (far is not None or self.chain.plan.own == 1):
                self._pass_by(near, far)
                gets, gives = 0, 0

    def _so_far(self, number: int) -> int | None:
        try:
            channel = self.chain.dial(number, DIAL)
            try:
                channel.ask(wire.DONE)
                return channel.answered()[1]
            finally:
                self.chain.close(channel)
        except OSError:
            return None

    def _pass_by(self, near: int, far: int | None) -> None:
        self.chain.ban(near, "slow")
        if far is not None:
            try:
                channel = self.chain.dial(far, DIAL)
                try:
                    channel.ask(wire.PASS_BY, number=near)
                    channel.answered()
                finally:
                    self.chain.close(channel)
            except OSError:
                # It goes on to feed both, which is slower and not wrong.
                return


class _FromPeers(Blocks):
    """The blocks of one file, each from the best host to ask."""

    def __init__(self, peers: Peers, item: Item, end: int, check: Callable[[], None]) -> None:
        super().__init__(peers, item)
        self._peers, self._end, self._check = peers, end, check
        self._asked = -1
        self._key = key(item.line())
        self._channel: wire.Channel | None = None
        self._number = -1

    def read(self, view: memoryview, length: int, index: int) -> bytes:
        while True:
            self._check()
            candidates = self._peers.chain.candidates()
            if not candidates and self._peers.chain.waiting():
                time.sleep(0.1)
                continue
            if not candidates:
                self._hang_up()
                return super().read(view, length, index)
            try:
                mark = self._ask(candidates[0], view, length, index)
            except OSError as error:
                self._hang_up()
                self._peers.chain.lost(candidates[0], error)
                continue
            if mark:
                self._peers.meter.add(received=length)
                return mark

    def _ask(self, number: int, view: memoryview, length: int, index: int) -> bytes:
        if self._channel is None or number != self._number or self._asked not in {-1, index}:
            self._hang_up()
            self._channel, self._number = self._peers.chain.call(number, _PATIENCE), number
        if self._asked != index:
            self._channel.ask(wire.READ, self._key, index)
        self._asked = -1
        kind, size, mark = self._channel.answered()
        if self._peers.chain.last and kind in {wire.MOVED, wire.WAIT}:
            self._peers.chain.rest(number)
        elif kind == wire.MOVED:
            self._peers.sent_to_the_end()
        elif kind == wire.NEVER:
            raise ConnectionError("it does not have this file, or has been passed by itself")
        elif kind == wire.BLOCK:
            if size != length:
                raise ConnectionError("it has a block of another length")
            if index + 1 < self._end:
                # The next one is on its way while this one is hashed and written.
                self._channel.ask(wire.READ, self._key, index + 1)
                self._asked = index + 1
            self._channel.receive_into(view[:length])
            return mark
        return b""

    def reject(self, index: int) -> None:
        if self._channel is None:
            super().reject(index)
        self._hang_up()
        self._peers.chain.ban(self._number, f"sent a damaged block {index} of {self._item.path}")

    def _hang_up(self) -> None:
        if self._channel:
            self._peers.chain.close(self._channel)
        self._channel, self._asked = None, -1

    def close(self) -> None:
        if self._channel and self._asked == -1:
            self._peers.chain.keep(self._channel)
            self._channel = None
        self._hang_up()
        super().close()
