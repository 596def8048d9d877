# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads that work through a list with one buffer each; hashing and input and output release Python's lock."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .directio import buffer

T = TypeVar("T")


class Stopped(Exception):
    """Another thread has failed."""


class Pool:
    """As many threads as fit in the memory."""

    def __init__(self, threads: int, memory: int, block: int) -> None:
        """Make the buffers."""
        self._buffers = [buffer(block) for _number in range(max(1, min(threads, memory // block)))]
        self._errors: list[BaseException] = []
        self._hopeless = False

    def check(self) -> None:
        """End the work of this thread where another has failed."""
        if self._errors:
            raise Stopped

    def run(self, items: Iterable[T], work: Callable[[T, memoryview], Any], tick: Callable[[], Any]) -> None:
        """Work through the items, call tick about every second, and raise the first error."""
        queue = collections.deque(items)
        threads = [
            threading.Thread(target=self._drain, args=(queue, work, view), daemon=True)
            for view in self._buffers[: max(1, len(queue))]
        ]
        for thread in threads:
            thread.start()
        following = time.monotonic() + 1
        for thread in threads:
            while thread.is_alive() and not self._hopeless:
                thread.join(max(0.0, following - time.monotonic()))
                if time.monotonic() >= following:
                    following += 1
                    self._tick(tick)
        if self._errors:
            raise self._errors[0]

    def _tick(self, tick: Callable[[], Any]) -> None:
        try:
            tick()
        except Exception as error:
            # A thread that hangs in the kernel is not waited for: it ends with the process.
            self._hopeless = True
            self._errors.append(error)

    def _drain(self, queue: collections.deque[T], work: Callable[[T, memoryview], Any], view: memoryview) -> None:
        while not self._errors:
            try:
                item = queue.popleft()
            except IndexError:
                return
            try:
                work(item, view)
            except Stopped:
                return
            except BaseException as error:
                self._errors.append(error)
