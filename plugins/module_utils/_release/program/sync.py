# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy one release to this host."""

from __future__ import annotations

from typing import Any

from . import prune
from .compare import compare
from .errors import Refused, explain
from .origin import Source
from .peers import Peers
from .progress import Meter
from .rehash import load
from .report import Report
from .request import Request
from .scan import Item
from .stage import Stage
from .store import Store, read_bytes


def sync(store: Store, request: Request) -> dict[str, Any]:
    """Copy the release of a source into a store, and give it to the other hosts of the run; return the last status."""
    store.prepare()
    with store.copying():
        result, origin = _sync(store, request)
    origin.end(serve=True)
    return result


def _sync(store: Store, request: Request) -> tuple[dict[str, Any], Source]:
    meter = Meter(store, request.run)
    origin = None
    try:
        items, report = compare(store, request)
        meter.write("examine")
        origin = _origin(request, meter)
        if report and report.ok:
            _offer(store, report.digest, origin)
            origin.vouch(report.digest)
            return meter.write("end", "done", digest=report.digest, changed=False), origin
        return _stage(store, request, items, report, (meter, origin)), origin
    except (Refused, OSError) as error:
        if origin:
            origin.end(serve=False)
        refusal = explain(error, f"while a release was made in {store.root}") if isinstance(error, OSError) else error
        meter.write("end", "failed", msg=str(refusal))
        raise refusal from error


def _origin(request: Request, meter: Meter) -> Source:
    if not request.plan:
        return Source(request.source, request.block, meter)
    return Peers(request.source, request.block, meter, request.plan)


def _offer(store: Store, digest: str, origin: Source) -> None:
    """Give others a release that is here already."""
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
    prune.empty_trash(store)
    if report and report.lost:
        with store.switching():
            prune.discard(store, report.digest)
        report = None
    meter, origin = way
    digest = Stage(store, request, items, meter, origin).run(report)
    return meter.write("end", "done", digest=digest, changed=True)
