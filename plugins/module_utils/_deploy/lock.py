# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time changes what a host serves: a record in a locked file names it. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

# Gone with a restart of the host, which ends every run that acted on it.
PATH = "/run/sglang-deploy.lock"
_LONGEST = 4096
FIELDS = ("run", "who", "controller", "process", "playbook", "template")


class Held(Exception):
    """Another run holds the lock; record: what it noted."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        """Keep the record."""
        super().__init__(sentence(record))
        self.record = dict(record)


def sentence(record: Mapping[str, Any]) -> str:
    """Return who holds a lock, since when, and what to do."""
    since = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(record["since"]))
    return (
        f"{record['who']} has run {record['playbook']} here since {since}, from {record['controller']} "
        f"({record['process']}). Fix: wait until it ends; if it has ended, add -e deploy_lock_break=true"
    )


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    """Open and lock the file, so that two runs that come at the same moment take turns."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # The run before this one may have removed the file meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(descriptor).st_ino == os.stat(path).st_ino:
                    yield descriptor
                    return
        finally:
            os.close(descriptor)


def holder(path: str = PATH) -> dict[str, Any] | None:
    """Return the record of the run that holds the lock, None without one."""
    try:
        with open(path, "rb") as handle:
            return _record(handle.read(_LONGEST))
    except FileNotFoundError:
        return None


def _record(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
        return {**{name: str(found[name]) for name in FIELDS}, "since": float(found["since"])}
    except (ValueError, KeyError, TypeError):
        # Nothing, or what a full disk left of it.
        return None


def _is_over(record: Mapping[str, Any], mine: Mapping[str, Any], seconds: float, ended: str) -> bool:
    """Return whether a run does not count any more: this one, one that has ended, or one that is too old."""
    # AWX runs a template once at a time, and its controller is another container in each job.
    same = record["run"] in (mine["run"], ended) or bool(mine["template"] and record["template"] == mine["template"])
    return same or time.time() - record["since"] > seconds


def take(mine: Mapping[str, Any], seconds: float, ended: str = "", path: str = PATH) -> dict[str, Any] | None:
    """Take the lock; return the record that it replaces. seconds: after which a lock does not count.

    ended: the run whose process is known to have ended. Raises Held.
    """
    with _opened(path) as descriptor:
        record = _record(os.pread(descriptor, _LONGEST, 0))
        if record and not _is_over(record, mine, seconds, ended):
            raise Held(record)
        data = json.dumps({**mine, "since": time.time()}).encode()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, data, 0)
    return record


def check(mine: Mapping[str, Any], seconds: float, ended: str = "", path: str = PATH) -> None:
    """Raise Held where the lock could not be taken; change nothing."""
    record = holder(path)
    if record and not _is_over(record, mine, seconds, ended):
        raise Held(record)


def release(run: str, path: str = PATH) -> bool:
    """Release the lock of a run, and no other's; return whether it held it."""
    if (holder(path) or {}).get("run") != run:
        return False
    with _opened(path) as descriptor:
        held = (_record(os.pread(descriptor, _LONGEST, 0)) or {}).get("run") == run
        if held:
            os.unlink(path)
    return held
