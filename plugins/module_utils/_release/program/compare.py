# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a source with the releases of a store, with a stat for each file."""

from __future__ import annotations

from .errors import Refused
from .report import Report
from .request import Request, space_needed
from .scan import Item, scan, source_text
from .store import Store
from .verify import verify

# See request.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def compare(store: Store, request: Request) -> tuple[list[Item], Report | None]:
    """Return the files of the source, and the report on the release that was copied from it, None without one."""
    if request.expect and request.expect in store.digests():
        report = verify(store, request.expect)
        if report.ok:
            return [], report
    try:
        items = scan(request.source, request.exact, request.skip)
    except OSError as error:
        raise Refused(
            f"{request.source} cannot be read: {error}; mount it or correct source in sglang_models, then run again"
        ) from error
    if not items:
        raise Refused(f"{request.source} has no files; mount it or correct source in sglang_models, then run again")
    digest = store.from_source(source_text(items))
    if digest and request.expect not in {"", digest}:
        raise Refused(
            f"{request.source} has the release {digest} (expected {request.expect}); "
            "correct the source, or expected in sglang_models"
        )
    return items, verify(store, digest) if digest else None


def missing(store: Store, request: Request) -> dict[str, Any]:
    """Return the digest of the release of a source, or what would be copied."""
    items, report = compare(store, request)
    if report and report.ok:
        return {"changed": False, "digest": report.digest}
    left = [item for item in items if item.path in report.problems] if report and not report.lost else items
    return {
        "changed": True,
        "bytes": sum(item.size for item in left),
        "files": len(left),
        "space": space_needed(f"{store.incoming}/tree", left),
    }
