# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store on disk: its paths, locks and links, and the order in which its releases came."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time

from .errors import Busy, Refused

_HEX = frozenset("0123456789abcdef")


def is_digest(name: str) -> bool:
    """Return whether this can name a release."""
    return len(name) == 64 and _HEX.issuperset(name)


def flush_directory(path: str) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: str, data: bytes, flush: bool = True) -> None:
    """Write a file that is either the old or the new one at every moment."""
    temporary = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        if flush:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)


def refuse_others(path: str, top: str = "/") -> None:
    """Refuse a directory, and those above it up to `top`, where another user could put something in its place."""
    while True:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            path = os.path.realpath(path)
            continue
        # In a directory with the sticky bit, such as /tmp, others may not touch what is not theirs.
        open_to_others = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
        if status.st_uid not in (0, os.geteuid()) or open_to_others:
            raise Refused(
                f"{path} can be changed by others than root (user {status.st_uid}, mode "
                f"{stat.S_IMODE(status.st_mode):o}), and so could the models in it; "
                f"run sudo chown root {path} and sudo chmod go-w {path}, or choose another sglang_models_root"
            )
        if path in (top, "/"):
            return
        path = os.path.dirname(path)


class Lock:
    """A lock that ends with its process."""

    def __init__(self, path: str, wait: float, purpose: str) -> None:
        """Keep where it is, how long to wait for it, and what it is for."""
        self._path, self._wait, self._purpose = path, wait, purpose
        self._descriptor = -1

    def __enter__(self) -> Lock:
        """Take it, or refuse and name the process that holds it."""
        # For root alone: who can open it can hold it.
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.fchmod(self._descriptor, 0o600)
        deadline = time.monotonic() + self._wait
        while not self._take():
            if time.monotonic() >= deadline:
                holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
                os.close(self._descriptor)
                raise Busy(f"process {holder or 'unknown'} works on {self._purpose}; wait until it ends, or stop it")
            time.sleep(0.02)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)
        return self

    def _take(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def __exit__(self, *_unused: object) -> None:
        """Release it."""
        os.close(self._descriptor)


def is_locked(path: str) -> bool:
    """Return whether a process holds a lock."""
    try:
        # For reading, because a disk that is broken may not be written to any more.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class Store:
    """One model's directory."""

    def __init__(self, root: str) -> None:
        """Name the paths; nothing is made yet."""
        self.root = os.path.abspath(root)
        self.releases = f"{self.root}/releases"
        self.state = f"{self.root}/.state"
        self.incoming = f"{self.state}/incoming"
        self.trash = f"{self.state}/trash"
        self.status = f"{self.state}/status.json"
        self.history = f"{self.state}/history"
        self.copy_lock = f"{self.state}/copy.lock"
        self.links = {name: f"{self.root}/{name}" for name in ("current", "previous")}

    def prepare(self) -> None:
        """Make the directories; refuse a place in which another user could exchange what servers load."""
        os.makedirs(self.root, exist_ok=True)
        refuse_others(self.root)
        os.makedirs(self.state, 0o700, exist_ok=True)
        for path in (self.state, self.releases):
            os.makedirs(path, exist_ok=True)
            refuse_others(path, path)
        os.chmod(self.state, 0o700)
        for path in (self.incoming, self.trash):
            os.makedirs(path, exist_ok=True)

    def copying(self, wait: float = 1) -> Lock:
        """Return the lock of a copy; a look at its status holds it for a moment, too."""
        return Lock(self.copy_lock, wait, f"a copy into {self.root}")

    def switching(self, wait: float = 60) -> Lock:
        """Return the lock of short changes."""
        return Lock(f"{self.state}/switch.lock", wait, f"the releases of {self.root}")

    def release(self, digest: str) -> str:
        """Return the directory of a release."""
        return f"{self.releases}/{digest}"

    def meta(self, digest: str, name: str) -> str:
        """Return the path of a file about a release."""
        return f"{self.releases}/{digest}/.release/{name}"

    def digests(self) -> list[str]:
        """Return the names of all releases."""
        try:
            return sorted(name for name in os.listdir(self.releases) if is_digest(name))
        except FileNotFoundError:
            return []

    def linked(self, name: str) -> str:
        """Return the digest that `current` or `previous` leads to, empty without one."""
        try:
            return os.path.basename(os.readlink(self.links[name]))
        except FileNotFoundError:
            return ""

    def _link(self, name: str, digest: str) -> None:
        temporary = f"{self.state}/{name}.new"
        if os.path.lexists(temporary):
            os.unlink(temporary)
        os.symlink(f"releases/{digest}", temporary)
        os.replace(temporary, self.links[name])

    def switch(self, digest: str, newest: bool = False) -> bool:
        """Make a release the current one; return whether that changed anything.

        newest: it comes from the source, so it is what hosts go back from, to the release that is current now.
        """
        with self.switching():
            if digest not in self.digests():
                raise Refused(f"{self.root} has no release {digest}; run weights.yml or deploy.yml to copy it")
            current = self.linked("current")
            if newest:
                self.note(digest, current if current != digest else self.linked("previous"))
            if current == digest:
                return False
            if current:
                self._link("previous", current)
            self._link("current", digest)
            flush_directory(self.root)
        return True

    def note(self, digest: str, before: str | None = None) -> None:
        """Note a release as the newest; the caller holds the lock of changes.

        before: the release that was current before it, empty without one; None as long as it only has been copied.
        """
        noted = self._noted()
        last = next(reversed(noted), "")
        if last == digest and (before is None or noted[digest] is not None):
            return
        kept = {one: noted[one] for one in noted if one != digest and one in self.digests()}
        lines = (one if ran is None else f"{one} {ran}" for one, ran in {**kept, digest: before}.items())
        write_atomically(self.history, "".join(f"{line}\n" for line in lines).encode())

    def _noted(self) -> dict[str, str | None]:
        """Return the releases in the order in which they came, each as `note` takes it; a blank parts the two."""
        lines = (read_bytes(self.history) or b"").decode("ascii", "replace").splitlines()
        pairs = (line.partition(" ") for line in lines)
        return {digest: before if blank else None for digest, blank, before in pairs}

    def newest_first(self) -> list[str]:
        """Return all releases; those that the history lacks, because it was lost, are the oldest, by their times."""
        place = {digest: number for number, digest in enumerate(self._noted())}
        return sorted(
            self.digests(), key=lambda digest: (place.get(digest, -1), self._published(digest), digest), reverse=True
        )

    def _published(self, digest: str) -> float:
        try:
            return os.stat(self.meta(digest, "manifest.json")).st_mtime
        except OSError:
            return 0.0

    def served(self) -> list[str]:
        """Return the releases from the source that have been current, the newest first."""
        noted, here = self._noted(), self.digests()
        found = [digest for digest, ran in noted.items() if ran is not None and digest in here]
        # Without a history, the current one counts as the newest.
        return found[::-1] or [digest for digest in here if digest == self.linked("current")]

    def before_newest(self) -> str:
        """Return the release that was current before the newest of `served`; empty without one on this disk."""
        newest = next(iter(self.served()), "")
        before = self._noted().get(newest)
        found = self.linked("previous") if before is None else before
        return found if found != newest and found in self.digests() else ""

    def from_source(self, text: str) -> str:
        """Return the release that was copied from a source in exactly this state, empty without one."""
        wanted = text.encode()
        for digest in self.digests():
            if read_bytes(self.meta(digest, "source")) == wanted:
                return digest
        return ""


def read_bytes(path: str) -> bytes | None:
    """Return a file's content, None where there is no file."""
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except FileNotFoundError:
        return None
