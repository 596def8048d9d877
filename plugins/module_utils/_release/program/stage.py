# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a source to a release: copy what is missing, check that it is a whole model, publish it in one step."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable

from ..._base.text import first_few, size
from . import safetensors, sums
from .copy import Job, Transfer
from .errors import Refused, explain
from .journal import Journal
from .manifest import RESERVED, Manifest, name_of
from .origin import Source
from .pool import Pool
from .progress import Meter
from .rehash import load
from .report import Report
from .request import Request, space_needed
from .scan import LINK, Item, scan, source_text
from .store import Store, flush_directory, read_bytes, write_atomically
from .verify import record

_WHOLE = 1 << 62
JOURNAL, WITNESSED = "journal", "journal.witness"


class Stage:
    """One run's way from the source to the release."""

    def __init__(self, store: Store, request: Request, items: list[Item], meter: Meter, source: Source) -> None:
        """Keep what the run works with; `items` are the files of `request.source`."""
        self._store, self._request, self._items, self._meter = store, request, items, meter
        self._tree = f"{store.incoming}/tree"
        self._pool = Pool(request.threads, request.memory, request.block)
        self._jobs = [Job(item) for item in items if item.kind != LINK]
        self._links = {item.path: os.readlink(f"{request.source}/{item.path}") for item in items if item.kind == LINK}
        self._source = source
        self._listed: dict[str, str] = {}

    def run(self, damaged: Report | None) -> str:
        """Copy and verify the release; return its digest."""
        if damaged:
            self._only(damaged)
        os.makedirs(self._tree, exist_ok=True)
        self._sweep()
        self._refuse_lack_of_space()
        self._meter.expect(sum(job.item.size for job in self._jobs), len(self._jobs))
        self._look_for_sums()
        self._source.offer(
            self._tree, [(job.item.line(), job.item.path, job.item.size, job.marks) for job in self._jobs]
        )
        # What a witness goes on with has never come from another host.
        journal = Journal(f"{self._store.incoming}/{WITNESSED if self._source.witness else JOURNAL}")
        try:
            self._copy(Transfer(self._source, self._tree, journal, self._pool))
        except OSError as error:
            raise explain(error, f"while files were written below {self._tree}") from error
        finally:
            journal.close()
        self._refuse_changed_source()
        self._meter.write("publish")
        digest = self._repair(damaged) if damaged else self._publish()
        self._source.vouch(digest)
        self._source.moved(self._store.release(digest))
        return digest

    def _only(self, damaged: Report) -> None:
        marks = load(self._store, damaged.digest)[1]
        self._jobs = [job for job in self._jobs if job.item.path in damaged.problems]
        for job in self._jobs:
            job.known = marks[job.item.path]

    def _sweep(self) -> None:
        """Remove what an earlier run has left of other files."""
        wanted = {job.item.path for job in self._jobs}
        for path in _paths(self._tree):
            if path not in wanted:
                os.unlink(f"{self._tree}/{path}")
        _remove_empty(self._tree)

    def _refuse_lack_of_space(self) -> None:
        needed = space_needed(self._tree, [job.item for job in self._jobs]) + self._request.reserve
        status = os.statvfs(self._tree)
        free = status.f_bavail * status.f_frsize
        if needed > free:
            raise Refused(
                f"{self._store.root}: {size(free)} are free (expected {size(needed)}); "
                "free space there, or lower keep in sglang_models"
            )

    def _look_for_sums(self) -> None:
        """Read what says which SHA-256 the files must have from the source: whoever gives a file may give a list."""
        paths = sorted(item.path for item in self._items if item.kind != LINK)
        lists = [item.path for item in self._items if sums.is_list(item.path, item.size)]
        self._listed = sums.from_hub(self._request.source, paths)
        for path in lists:
            self._listed.update(sums.from_list(self._request.source, path))
        proved = frozenset(paths if self._request.expect else self._listed)
        unproved = sum(job.item.size for job in self._jobs if job.item.path not in proved)
        self._source.proved(proved, 2 * unproved > sum(job.item.size for job in self._jobs))

    def _copy(self, transfer: Transfer) -> None:
        """Copy the first block of every file, so that a damaged model is refused at once, and then the rest."""
        self._advance(transfer, 1)
        late, again = self._check_model()
        if again:
            self._advance(transfer, 1)
        self._jobs.sort(key=lambda job: -job.item.size)
        self._advance(transfer, _WHOLE)
        for item in late:
            safetensors.check_header(f"{self._tree}/{item.path}", item.path, item.size, item.size)

        if self._request.expect:
            self._doubt(transfer)
        self._compare_with_witness(transfer)

    def _doubt(self, transfer: Transfer) -> None:
        """Read again, once and from the source, what makes the release another than the expected one."""
        doubtful = [job for job in self._jobs if not job.proved]
        if doubtful and name_of(self._manifest()[0]) != self._request.expect:
            for job in doubtful:
                job.restart()
            self._advance(transfer, _WHOLE)

    def _compare_with_witness(self, transfer: Transfer) -> None:
        """Refuse what another reader of the source did not find there; without one, read it again from the source."""
        unproved = [job for job in self._jobs if not job.proved]
        if not unproved or not self._request.plan or self._source.witness or self._request.expect:
            return
        said, here = self._source.second_reading(self._confirming), name_of(self._manifest()[0])
        if said is None:
            for job in unproved:
                job.restart()
            self._advance(transfer, _WHOLE)
        elif said != here:
            # The next run would go on with it.
            self._forget_journals()
            host = self._request.plan.hosts[self._request.plan.witness][0]
            raise Refused(
                f"{host} reads another release from {self._request.source} ({said}) than this host was given ({here}): "
                "a host of this run misreads the source or gives wrong data. Nothing was published; run again, and if "
                "it happens again, look for that host with verify_weights.yml. SHA256SUMS beside the model, or "
                "expected in sglang_models, names it"
            )

    def _confirming(self) -> None:
        self._meter.write("confirm")

    def _advance(self, transfer: Transfer, limit: int) -> None:
        def work(job: Job, view: memoryview) -> None:
            job.advance(transfer, view, _WHOLE if _is_about_others(job.item) else limit)

        self._meter.touch()
        self._pool.run(self._jobs, work, self._tick)

    def _tick(self) -> None:
        self._meter.write("copy")
        self._meter.refuse_stall(self._request.stall, self._request.source)

    def _check_model(self) -> tuple[list[Item], bool]:
        """Check headers and indexes, and take the sums.

        Return the files whose header is longer than a block, and whether a file must be read again.
        """
        present = {item.path for item in self._items}
        late: list[Item] = []
        for job in self._jobs:
            item, path = job.item, f"{self._tree}/{job.item.path}"
            if item.path.endswith(safetensors.SUFFIX):
                if not safetensors.check_header(path, item.path, item.size, min(item.size, self._request.block)):
                    late.append(item)
            elif item.path.endswith(safetensors.INDEX_SUFFIX):
                safetensors.check_index(path, item.path, present)
        again = [job for job in self._jobs if job.want(self._listed.get(job.item.path, ""))]
        return late, bool(again)

    def _refuse_changed_source(self) -> None:
        now = scan(self._request.source, self._request.exact, self._request.skip)
        before, after = set(source_text(self._items).splitlines()), set(source_text(now).splitlines())
        changed = sorted({line.split(" ", 4)[4] for line in before ^ after})
        if changed:
            raise Refused(
                f"{first_few(changed, 3)} changed at the source while it was copied; "
                "run again when the source is complete"
            )

    def _manifest(self) -> tuple[bytes, bytes]:
        jobs = sorted(self._jobs, key=lambda job: job.item.path)
        manifest = Manifest({job.item.path: job.entry() for job in jobs}, self._links, self._request.block)
        data = manifest.dump()
        return Manifest.load(data).dump(), b"".join(bytes(job.marks) for job in jobs)

    def _publish(self) -> str:
        data, marks = self._manifest()
        digest = name_of(data)
        if self._request.expect and digest != self._request.expect:
            raise Refused(
                f"{self._request.source} has the release {digest} (expected {self._request.expect}); "
                "nothing was published. Correct the source, or expected in sglang_models"
            )
        for path, target in self._links.items():
            _link(f"{self._tree}/{path}", target)
        meta = f"{self._tree}/{RESERVED}"
        os.makedirs(meta, exist_ok=True)
        for name, content in (("manifest.json", data), ("marks", marks), ("source", source_text(self._items).encode())):
            write_atomically(f"{meta}/{name}", content)
        with self._store.switching():
            self._move(digest, meta)
        self._forget_journals()
        return digest

    def _move(self, digest: str, meta: str) -> None:
        # Before it appears: a note of a release that is not there yet says nothing, but a release must have its place.
        self._store.note(digest)
        if digest in self._store.digests():
            # The same content with other times: the release stays, and notes its source as it is now.
            write_atomically(self._store.meta(digest, "source"), read_bytes(f"{meta}/source") or b"")
            shutil.rmtree(self._tree)
            return
        record(self._tree)
        for path in _directories(self._tree):
            flush_directory(path)
        os.rename(self._tree, self._store.release(digest))
        flush_directory(self._store.releases)
        flush_directory(self._store.root)

    def _repair(self, damaged: Report) -> str:
        path = self._store.release(damaged.digest)
        manifest = load(self._store, damaged.digest)[0]
        with self._store.switching():
            for name in damaged.problems:
                if name not in manifest.files and name not in manifest.links:
                    os.unlink(f"{path}/{name}")
                if name in manifest.links:
                    _link(f"{path}/{name}", manifest.links[name])
            for job in self._jobs:
                os.makedirs(os.path.dirname(f"{path}/{job.item.path}"), exist_ok=True)
                os.replace(f"{self._tree}/{job.item.path}", f"{path}/{job.item.path}")
            for directory in _directories(path):
                flush_directory(directory)
            record(path)
        shutil.rmtree(self._tree)
        self._forget_journals()
        return damaged.digest

    def _forget_journals(self) -> None:
        for name in (JOURNAL, WITNESSED):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self._store.incoming}/{name}")


def _is_about_others(item: Item) -> bool:
    """Return whether a file says something about other files, and is needed whole before these are copied."""
    return item.path.endswith(safetensors.INDEX_SUFFIX) or sums.is_list(item.path, item.size)


def _link(path: str, target: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(target, path)


def _paths(root: str) -> Iterable[str]:
    """Return the paths of everything but directories, relative to a directory."""
    for directory, folders, names in os.walk(root):
        links = [name for name in folders if os.path.islink(f"{directory}/{name}")]
        for name in names + links:
            yield os.path.relpath(f"{directory}/{name}", root)


def _directories(root: str) -> list[str]:
    """Return a directory and all below, the deepest first."""
    return [directory for directory, _folders, _names in os.walk(root, topdown=False)]


def _remove_empty(root: str) -> None:
    for directory in _directories(root):
        if directory != root and not os.listdir(directory):
            os.rmdir(directory)
