# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which plans were deployed on a host, when and by whom: a short history. PRIVATE to the collection."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from .._base import paths
from .._base.files import Directory, File, ensure, read

KEPT = 20


def history(path: str = paths.HISTORY) -> list[dict[str, Any]]:
    """Return the deploys of this host, the newest last."""
    try:
        found = json.loads(read(path) or "[]")
        return [_entry(one) for one in found]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return []


def _entry(found: Mapping[str, Any]) -> dict[str, Any]:
    deployments = {str(name): str(digest) for name, digest in found["deployments"].items()}
    words = {name: str(found[name]) for name in ("who", "controller", "playbook", "sglang_version")}
    hosts = {name: [str(host) for host in found.get(name, ())] for name in ("hosts", "left")}
    return {**words, **hosts, "time": float(found["time"]), "deployments": deployments}


def newest(path: str = paths.HISTORY) -> dict[str, Any] | None:
    """Return the last deploy, None without one."""
    return next(reversed(history(path)), None)


def goes_back(deployments: Mapping[str, str], path: str = paths.HISTORY) -> dict[str, dict[str, Any]]:
    """Return the deployments with an older plan, and the deploy that it is from. deployments: name -> digest."""
    found = {}
    for name, digest in deployments.items():
        entries = [one for one in history(path) if name in one["deployments"]]
        same = [one for one in entries if one["deployments"][name] == digest]
        if same and same[-1] is not entries[-1]:
            found[name] = same[-1]
    return found


def is_new(entry: Mapping[str, Any], path: str = paths.HISTORY) -> bool:
    """Return whether a deploy differs from what was deployed last."""
    last: dict[str, str] = {}
    for one in history(path):
        last.update(one["deployments"])
    before = newest(path) or {"sglang_version": "", "hosts": []}
    known = {name: last.get(name) for name in entry["deployments"]}
    same = before["sglang_version"] == entry["sglang_version"] and entry.get("hosts", []) in ([], before["hosts"])
    return bool(entry["deployments"]) and (known != entry["deployments"] or not same)


def add(entry: Mapping[str, Any], path: str = paths.HISTORY) -> None:
    """Note a deploy, now. hosts in it: all of the plan, none where the deploy acted on a part of it."""
    before = history(path)
    last = before[-1] if before else {"hosts": [], "left": []}
    hosts = entry.get("hosts") or last["hosts"]
    # Only the newest note has them.
    left = sorted({*last["left"], *last["hosts"]} - set(hosts))
    older = [{**one, "hosts": [], "left": []} for one in before]
    noted = [*older, {**entry, "hosts": hosts, "left": left, "time": time.time()}][-KEPT:]
    directory = path.rpartition("/")[0]
    ensure(Directory(directory, 0o755))
    ensure(File(path, json.dumps(noted, indent=1) + "\n", 0o644))
