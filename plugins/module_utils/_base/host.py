# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a host without ever waiting for it: files of the kernel, commands, and whatever may hang."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
ENVIRONMENT = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
# How timeout(1) ends when it ended the command, and when it had to kill it: GNU's kills itself with the same signal.
TIMED_OUT = (124, 137, -9)


class Root:
    """The files of a host below a directory, "/" on a real one; what cannot be read is not there."""

    def __init__(self, path: str = "/") -> None:
        """Keep where the host begins."""
        self._root = path.rstrip("/")

    def path(self, path: str) -> str:
        """Return the path of a file of the host as this process sees it."""
        return self._root + path

    def read(self, path: str) -> str | None:
        """Return a file's text without the white space at its end, None where it cannot be read."""
        try:
            with open(self.path(path), encoding="utf-8", errors="replace") as handle:
                return handle.read().rstrip()
        except OSError:
            return None

    def text(self, path: str) -> str:
        """Return a file's text, empty where it cannot be read."""
        return self.read(path) or ""

    def number(self, path: str) -> int | None:
        """Return the number in a file."""
        text = self.text(path)
        return int(text) if text.lstrip("-").isdecimal() else None

    def names(self, path: str) -> list[str]:
        """Return the names in a directory, numbers in them by size."""
        try:
            return sorted(os.listdir(self.path(path)), key=natural)
        except OSError:
            return []

    def exists(self, path: str) -> bool:
        """Return whether there is such a file."""
        return os.path.exists(self.path(path))

    def real(self, path: str) -> str:
        """Return the path of the host that all links lead to."""
        return os.path.realpath(self.path(path))[len(os.path.realpath(self._root or "/").rstrip("/")) :]


def natural(name: str) -> list[Any]:
    """Return a key that sorts mlx5_2 before mlx5_10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


@dataclass(frozen=True)
class Output:
    """What a command answered."""

    rc: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Return whether the command succeeded."""
        return self.rc == 0

    def trouble(self, command: str, seconds: float) -> str:
        """Return why there is no answer, empty where there is one."""
        if self.rc == 0:
            return ""
        if self.rc in TIMED_OUT:
            return f"{command} did not answer within {seconds:g} s"
        said = " ".join((self.err or self.out).split())[:300]
        return f"{command} ended with {self.rc}: {said or 'it said nothing'}"


def in_time(output: Output | None, command: str, seconds: float) -> Output | None:
    """Return what a command answered; raise ValueError where it did not: that is not to pass for an absence."""
    if output is not None and output.rc in TIMED_OUT:
        raise ValueError(output.trouble(command, seconds))
    return output


class Commands:
    """Commands that end in time: AnsibleModule.run_command has no limit, so each one runs under timeout(1)."""

    def __init__(self, run: Callable[..., tuple[Any, ...]], find: Callable[[str], str | None], seconds: float) -> None:
        """Keep the functions that run a command and that find one, and how long it may take."""
        self._run, self._find, self.seconds = run, find, seconds

    def there(self, name: str) -> bool:
        """Return whether there is such a command."""
        return self._find(name) is not None

    def output(self, words: list[str]) -> Output | None:
        """Run a command; None where it is not installed."""
        path = self._find(words[0])
        if path is None:
            return None
        limit = ["timeout", "-k", "1", f"{self.seconds:g}"] if self._find("timeout") else []
        rc, out, err = self._run(
            [*limit, path, *words[1:]], environ_update=ENVIRONMENT, expand_user_and_vars=False, handle_exceptions=False
        )
        return Output(rc, out, err)


class Task(Generic[T]):
    """Work in a thread that is left alone when it takes too long, such as statvfs() on a server that is gone.

    A daemon thread does not keep the module from ending, and the waits of network file systems end with the process.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        """Start at once."""
        self._work = work
        self._value: T | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._execute, daemon=True)
        self.seconds = 0.0
        self._thread.start()

    def _execute(self) -> None:
        started = time.monotonic()
        try:
            self._value = self._work()
        except Exception as error:
            self._error = error
        self.seconds = time.monotonic() - started

    def result(self, deadline: float) -> tuple[T | None, str]:
        """Return the value and, where there is none, why. A bug surfaces."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            return None, "it did not answer in time"
        if self._error is None:
            return self._value, ""
        if isinstance(self._error, (OSError, ValueError)):
            return None, str(self._error)
        raise self._error


def together(commands: Commands, calls: Iterable[list[str]]) -> list[Output | None]:
    """Run several commands at once; return their outputs in order. One that cannot be killed counts as timed out."""
    tasks = [Task(lambda words=words: commands.output(words)) for words in calls]  # type: ignore[misc]
    deadline = time.monotonic() + commands.seconds + 2
    outputs = []
    for task in tasks:
        output, trouble = task.result(deadline)
        outputs.append(Output(TIMED_OUT[0], "", trouble) if trouble else output)
    return outputs
