# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing one release to this host; where nothing is to be done, that is found out with a stat for each file."""

from __future__ import annotations

import os

from .errors import Refused, explain
from .scan import Item, scan, source_text
from .store import Store, read_bytes
from .verify import Report, verify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .chain import Plan
    from .origin import Source
    from .progress import Meter

# A part of the format of releases: hosts that give blocks to each other, and digests that are compared, must have the same.
BLOCK = 1 << 20

# What a checkout or a download keeps for itself, and the snapshots of a file server.
SKIPPED = frozenset({".git", ".cache", ".snapshot", "lost+found"})


class Request:
    """What shall be brought, and how."""

    def __init__(self, source: str, **options: Any) -> None:
        """Keep the source and the options."""
        self.source = os.path.abspath(source)
        self.expect: str = options.get("expect", "")
        self.run: str = options.get("run", "")
        self.exact: bool = options.get("exact", False)
        self.skip: frozenset[str] = options.get("skip", SKIPPED)
        # More than there are cores would not hash faster, and evict each other's blocks from the caches.
        self.threads: int = options.get("threads", min(8, max(2, os.cpu_count() or 2)))
        self.memory: int = options.get("memory", 64 << 20)
        self.reserve: int = options.get("reserve", 1 << 30)
        self.stall: float = options.get("stall", 300.0)
        self.block: int = options.get("block", BLOCK)
        # Where other hosts get the same at the same time.
        self.plan: Plan | None = options.get("plan")


def sync(store: Store, request: Request, check: bool = False) -> dict[str, Any]:
    """Bring the release of a source into a store; in check mode only say what would be copied."""
    if not check:
        store.prepare()
        with store.copying():
            result, origin = _sync(store, request)
        if origin:
            origin.end(serve=True)
        return result
    items, report = _examine(store, request)
    if report and report.ok:
        return {"changed": False, "digest": report.digest}
    left = _left(items, report)
    tree = f"{store.incoming}/tree"
    return {
        "changed": True,
        "bytes": sum(item.size for item in left),
        "files": len(left),
        "space": space_needed(tree, left),
    }


def _sync(store: Store, request: Request) -> tuple[dict[str, Any], Source | None]:
    try:
        items, report = _examine(store, request)
    except Refused as refusal:
        _meter(store, request).write("end", "failed", msg=str(refusal))
        raise
    if report and report.ok and not request.run and not request.plan:
        return {"changed": False, "digest": report.digest}, None
    meter = _meter(store, request)
    origin = None
    try:
        meter.write("examine")
        origin = _origin(request, meter)
        if report and report.ok:
            _offer(store, report.digest, origin)
            return meter.write("end", "done", digest=report.digest, changed=False), origin
        return _stage(store, request, items, report, (meter, origin)), origin
    except (Refused, OSError) as error:
        if origin:
            origin.end(serve=False)
        told = explain(error, f"while a release was made in {store.root}") if isinstance(error, OSError) else error
        meter.write("end", "failed", msg=str(told))
        raise told from error


def _meter(store: Store, request: Request) -> Meter:
    from .progress import Meter

    return Meter(store, request.run)


def _origin(request: Request, meter: Meter) -> Source:
    from .origin import Source

    if not request.plan:
        return Source(request.source, request.block, meter)
    from .peers import Peers

    return Peers(request.source, request.block, meter, request.plan)


def _offer(store: Store, digest: str, origin: Source) -> None:
    """Give others a release that is here already."""
    from .rehash import load

    marks = load(store, digest)[1]
    lines = (read_bytes(store.meta(digest, "source")) or b"").decode().splitlines(keepends=True)
    parts = [(line, *line.rstrip("\n").split(" ", 4)) for line in lines]
    files = [
        (line, path, int(size), bytearray(marks[path]))
        for line, _kind, size, _mtime, _ctime, path in parts
        if path in marks
    ]
    origin.offer(store.release(digest), files)


def _stage(
    store: Store, request: Request, items: list[Item], report: Report | None, way: tuple[Meter, Source]
) -> dict[str, Any]:
    from . import prune
    from .stage import Stage

    prune.empty_trash(store)
    if report and report.lost:
        with store.switching():
            prune.discard(store, report.digest)
        report = None
    meter, origin = way
    digest = Stage(store, request, items, meter, origin).run(report)
    return meter.write("end", "done", digest=digest, changed=True)


def _examine(store: Store, request: Request) -> tuple[list[Item], Report | None]:
    """Return the files of the source, and what is known about the release that was made of them, if there is one."""
    if request.expect and request.expect in store.digests():
        report = verify(store, request.expect)
        if report.ok:
            return [], report
    try:
        items = scan(request.source, request.exact, request.skip)
    except OSError as error:
        raise Refused(
            f"{request.source} cannot be read: {error}; mount it or correct the path, then run again"
        ) from error
    if not items:
        raise Refused(f"{request.source} has no files; mount it or correct the path, then run again")
    digest = store.from_source(source_text(items))
    if digest and request.expect not in {"", digest}:
        raise Refused(
            f"{request.source} has the release {digest}, not {request.expect} as expected; correct one of them"
        )
    return items, verify(store, digest) if digest else None


def _left(items: list[Item], report: Report | None) -> list[Item]:
    if report and not report.lost:
        return [item for item in items if item.path in report.problems]
    return items


def space_needed(tree: str, items: list[Item]) -> int:
    """Return how many bytes are to be written that have no place on the disk yet."""
    needed = 0
    for item in items:
        try:
            allocated = os.lstat(f"{tree}/{item.path}").st_blocks * 512
        except OSError:
            allocated = 0
        needed += max(0, item.size - allocated)
    return needed
