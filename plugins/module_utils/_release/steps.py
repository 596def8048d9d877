# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the module release on a host, each for one release. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._base.host import Task
from .._base.paths import UNIT_DIR
from .._base.text import size
from .._plan.types import Release
from .mounts import refuse_dead
from .program import progress, prune
from .program.compare import missing
from .program.errors import Refused, explain
from .program.request import RESERVE, Request
from .program.store import Store
from .program.verify import verify
from .service import Run, Service, request_path, write_request

# A release that one of these names is in use.
REFERENCES = f"{UNIT_DIR}/sglang-*.service"
# How long in seconds a source may take to be listed, and a damaged release to be read again.
LISTING, READING = 300.0, 86400.0
LISTED = "verify_weights.yml lists the releases of all hosts"


@dataclass
class Steps:
    """What is done with a release; each step returns what is known about it.

    run: the name of the run, and for each release that takes part its place among the hosts, or the digest to switch
    to.
    """

    service: Service
    command: Run
    run: Mapping[str, Any]
    token: str = ""
    timeout: float = 15
    full: bool = False
    others: bool = False
    check: bool = False
    _claimed: dict[int, int] = field(default_factory=dict)

    def inspect(self, release: Release) -> dict[str, Any]:
        """Return what would be copied, and where the links lead."""
        store = Store(release.store)
        known = {
            **{link: store.linked(link) for link in store.links},
            "releases": store.newest_first(),
            "back": release.release == "previous",
            "store": release.store,
            "address": release.address,
            "port": release.port,
        }
        if release.release == "previous":
            return {**known, "missing": False, **self._before(store)}
        if release.release:
            return {**known, "missing": False, **_here(store, self._named(store, release.release))}
        found = self._compare(store, release)
        if not found["changed"]:
            return {**known, "missing": False, **_here(store, found["digest"])}
        self._refuse_lack_of_space(release, found["space"])
        return {**known, "missing": True, "digest": "", **{key: found[key] for key in ("bytes", "files", "space")}}

    def _before(self, store: Store) -> dict[str, Any]:
        """Return where this host would go back to, or why it cannot; whether it must is decided for all hosts."""
        current, served = store.linked("current"), store.served()
        known = {"served": served, "trouble": ""}
        if current and served[:1] != [current]:
            return {**known, **_here(store, current)}
        digest = store.before_newest()
        if not digest:
            trouble = (
                f"{store.root} has no release before {current or 'the first'}; "
                f"set release: previous for other models only, or name a digest: {LISTED}"
            )
            return {**known, "digest": "", "path": "", "trouble": trouble}
        try:
            return {**known, **_here(store, self._named(store, digest))}
        except Refused as refusal:
            return {**known, **_here(store, digest), "trouble": str(refusal)}

    @staticmethod
    def _named(store: Store, digest: str) -> str:
        if digest not in store.digests():
            raise Refused(f"{store.root} has no release {digest}; {LISTED}")
        report = verify(store, digest)
        if not report.ok:
            raise Refused(f"{report.sentence(store.release(digest))}; switch to another one: {LISTED}")
        return digest

    def _compare(self, store: Store, release: Release) -> dict[str, Any]:
        if release.expected not in store.digests():
            refuse_dead(release.source, self.timeout, self.command)
        request = Request(release.source, expect=release.expected, exact=release.exact)
        limit = READING if store.digests() else LISTING
        found, trouble = Task(lambda: missing(store, request)).result(time.monotonic() + limit)
        if found is None:
            raise Refused(f"{release.source} cannot be listed: {trouble}; make its file server available and run again")
        return found

    def _refuse_lack_of_space(self, release: Release, space: int) -> None:
        path = release.store
        while not os.path.isdir(path):
            path = os.path.dirname(path)
        status, disk = os.statvfs(path), os.stat(path).st_dev
        # All copies of a host run at the same time, and those on one disk share its space.
        self._claimed[disk] = self._claimed.get(disk, 0) + space
        needed, free = self._claimed[disk] + RESERVE, status.f_bavail * status.f_frsize
        if needed > free:
            raise Refused(
                f"{release.store}: {size(free)} are free (expected {size(needed)}); "
                "free space there, or lower keep in sglang_models"
            )

    def copy(self, release: Release) -> dict[str, Any]:
        """Start the copy as a service; one that an earlier run has left behind is stopped, and goes on where it was."""
        self.service.stop(release.name)
        # Its service may write there, and nowhere above. What is wrong with the place, it says itself.
        with contextlib.suppress(OSError, Refused):
            Store(release.store).prepare()
        plan = self.run["releases"][release.name]
        write_request(release, self.run["run"], {**plan, "token": self.token} if plan else None)
        self.service.start(release)
        return {"started": True}

    def wait(self, release: Release, seconds: float) -> dict[str, Any]:
        """Return how far the copy is, as soon as it has ended or after some seconds."""
        found = progress.status(Store(release.store), seconds, self.run["run"])
        if found["state"] == "running":
            # A program that waits for a dead file server writes nothing any more.
            silent = max(0.0, time.time() - found["updated"])
            return {**found, "silent": silent, "others": self._others(release.name)}
        if found["state"] in {"unknown", "killed"} and not self.service.active(release.name):
            return {"state": "failed", "msg": f"the copy has ended: {self.service.why(release.name)}"}
        return {**found, "state": "starting"} if found["state"] == "unknown" else found

    def _others(self, name: str) -> dict[str, int]:
        if not self.others:
            return {}
        # Here, because only one host of many asks, and its threads and network code start slowly.
        from .others import blocks  # noqa: PLC0415

        return blocks(request_path(name), 2)

    def switch(self, release: Release) -> dict[str, Any]:
        """Make a release the current one, stop the service that gives it to others, and remove old releases."""
        store, digest = Store(release.store), str(self.run["releases"][release.name]["digest"])
        report = verify(store, digest)
        if not report.ok:
            raise Refused(f"{report.sentence(store.release(digest))}; run weights.yml or deploy.yml again to repair it")
        before = store.linked("current")
        changed = before != digest if self.check else store.switch(digest, newest=not release.release)
        removed = prune.prune(store, release.keep, [REFERENCES], self.check)
        if not self.check:
            self.service.stop(release.name)
        found = {"store": release.store, **_here(store, digest), "before": before}
        return {**found, "switched": changed, "removed": removed}

    def verify(self, release: Release) -> dict[str, Any]:
        """Compare the current release with its manifest; a difference fails only when the hosts are compared."""
        store = Store(release.store)
        current, known = store.linked("current"), {"releases": store.newest_first()}
        if current:
            return {**verify(store, current, self.full).result(), **known}
        lost = f"{release.store} has no current release"
        return {"digest": "", "ok": False, "problems": {}, "rehashed": [], "lost": lost, **known}


def _here(store: Store, digest: str) -> dict[str, Any]:
    return {"digest": digest, "path": store.release(digest)}


def check(release: Release) -> None:
    """Refuse a name that cannot be a part of the name of a service, and paths that depend on where a process runs."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", release.name):
        raise Refused(f"releases: {release.name!r} is not a name for a service; use letters, digits, dots, dashes")
    for path in (release.store, release.source):
        if not path.startswith("/"):
            raise Refused(f"releases: {release.name}: {path!r} is not an absolute path; write one that begins with /")


def take(steps: Steps, step: str, releases: tuple[Release, ...], seconds: float) -> dict[str, dict[str, Any]]:
    """Take a step for each release. seconds: how long the step wait waits."""
    found: dict[str, dict[str, Any]] = {}
    for release in releases:
        check(release)
        work: Callable[[Release], dict[str, Any]] = getattr(steps, step)
        try:
            found[release.name] = steps.wait(release, seconds) if step == "wait" else work(release)
        except Refused as refusal:
            raise Refused(f"{release.name}: {refusal}") from refusal
        except OSError as error:
            raise Refused(f"{release.name}: {explain(error, f'in the step {step} of {release.store}')}") from error
        # One wait a call: all releases of a host come at the same time.
        if found[release.name].get("state") in {"running", "starting"}:
            seconds = 0
    return found


def actions_of(step: str, found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return in words what a step changes."""
    actions = []
    for name, entry in found.items():
        if step == "inspect" and entry["missing"]:
            files = f"{entry['files']} files, {size(entry['bytes'])}"
            actions.append(f"{name}: copy {files}, to {entry['store']}, and switch to them")
        elif step == "inspect" and entry["digest"] != entry["current"]:
            actions.append(f"{name}: switch from {entry['current'] or 'nothing'} to {entry['digest']}")
        elif step == "copy":
            actions.append(f"{name}: start the copy")
        elif step == "switch" and entry["switched"]:
            actions.append(f"{name}: switch from {entry['before'] or 'nothing'} to {entry['digest']}")
        actions += [f"{name}: remove the release {digest}" for digest in entry.get("removed", [])]
    return actions


def difference(step: str, found: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the current releases before and after, for those that a step changes."""
    before, after = "", ""
    for name, entry in found.items() if step in {"inspect", "switch"} else ():
        copied = f"a copy of {entry['files']} files, {size(entry['bytes'])}" if entry.get("missing") else ""
        before += f"{name}: {entry['current' if step == 'inspect' else 'before'] or 'no release'}\n"
        after += f"{name}: {entry['digest'] or copied}\n"
    return {"before": before, "after": after}
