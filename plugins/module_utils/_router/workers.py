# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workers of a router: what differs from the plan, and making it so. PRIVATE to the collection."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .._units.probe import Server
from .api import Listed, Router, RouterError, Worker

POLL_SECONDS = 0.3
HEALTH_SECONDS = 5.0


@dataclass(frozen=True)
class Changes:
    """What makes the workers of a router those of the plan. replaces: removed and added, because their type or bootstrap port differs."""

    adds: tuple[Worker, ...] = ()
    replaces: tuple[Worker, ...] = ()
    renews: tuple[Worker, ...] = ()
    removes: tuple[Listed, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.adds or self.replaces or self.renews or self.removes)

    def summary(self) -> dict[str, list[str]]:
        """Return the URLs, by what happens to them."""
        return {
            "added": sorted(worker.url for worker in (*self.adds, *self.replaces)),
            "renewed": sorted(worker.url for worker in self.renews),
            "removed": sorted([listed.url for listed in self.removes] + [worker.url for worker in self.replaces]),
        }


def plan(
    desired: dict[str, Worker], current: dict[str, Listed], drain: bool, answers: Callable[[str], bool]
) -> Changes:
    """Return what differs; where only to drain, only what has to go. answers: whether a worker is healthy as seen from this host."""
    removes = tuple(listed for url, listed in sorted(current.items()) if url not in desired and not listed.draining)
    if drain:
        return Changes(removes=removes)
    adds, replaces, renews = [], [], []
    for url, worker in sorted(desired.items()):
        listed = current.get(url)
        if listed is None or listed.draining:
            adds.append(worker)
        elif not listed.serves_as(worker):
            replaces.append(worker)
        elif not listed.healthy and answers(url):
            renews.append(worker)
    return Changes(tuple(adds), tuple(replaces), tuple(renews), removes)


def answers_here(url: str) -> bool:
    """Tell whether a worker is healthy as seen from this host, so that a router may hold it for healthy before its own checks."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return not Server(parts.hostname or "", parts.port or (443 if tls else 80), tls, "").healthy(HEALTH_SECONDS)


def line(worker: Worker | Listed, healthy: bool = True) -> str:
    """Return how a worker looks in a diff."""
    port = "" if worker.bootstrap_port is None else f"  bootstrap port {worker.bootstrap_port}"
    return f"{worker.worker_type:<8}{worker.url}{port}{'' if healthy else '  unhealthy'}\n"


def kind(listed: Listed) -> str:
    """Return as what a router uses a worker."""
    port = "" if listed.bootstrap_port is None else f" with bootstrap port {listed.bootstrap_port}"
    return f"{listed.worker_type}{port}"


def diff(router: Router, current: dict[str, Listed], changes: Changes) -> dict[str, Any]:
    """Return the element of the module's diff for a router."""
    before = {url: line(listed, listed.healthy) for url, listed in current.items() if not listed.draining}
    after = {url: text for url, text in before.items() if url not in {listed.url for listed in changes.removes}}
    after.update((worker.url, line(worker)) for worker in (*changes.adds, *changes.replaces, *changes.renews))
    header = f"workers of {router.name} ({router.url})"
    texts = {"before": "".join(sorted(before.values())), "after": "".join(sorted(after.values()))}
    return {"before_header": header, "after_header": header, **texts}


def complaint(desired: dict[str, Worker], current: dict[str, Listed]) -> str:
    """Return what is wrong with the workers of a router, empty if they are those of the plan and all healthy."""
    troubles = []
    for url, worker in sorted(desired.items()):
        listed = current.get(url)
        if listed is None or listed.draining:
            troubles.append(f"{worker.label} is not registered")
        elif not listed.serves_as(worker):
            troubles.append(f"{worker.label} is registered as {kind(listed)}")
        elif not listed.healthy:
            troubles.append(f"{worker.label} is registered but unhealthy")
    strangers = [listed for url, listed in sorted(current.items()) if url not in desired and not listed.draining]
    troubles += [
        f"a worker that is not in the plan is registered: {listed.url} as {kind(listed)}" for listed in strangers
    ]
    return "; ".join(troubles)


@dataclass(frozen=True)
class WatchedRouter:
    """A router to look at."""

    item: dict[str, Any]
    config_dir: str

    @property
    def name(self) -> str:
        """Return the name of its unit."""
        return str(self.item["name"])

    def probe(self, timeout: float) -> tuple[str, str]:
        """Return a completion through it and, if it is not ready, why."""
        try:
            router = Router(self.item, self.config_dir)
            trouble = complaint(router.workers, router.listed())
        except RouterError as error:
            return "", str(error)
        return ("", trouble) if trouble else router.complete(timeout)


class Reconciler:
    """Brings one router to the plan; every wait ends with its time."""

    def __init__(self, router: Router, timeout: float) -> None:
        """Start the clock."""
        self._router, self._timeout = router, timeout
        self._deadline = time.monotonic() + timeout

    def _until(self, done: Callable[[dict[str, Listed]], bool]) -> bool:
        while not done(self._router.listed()):
            if time.monotonic() >= self._deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _join(self, workers: tuple[Worker, ...]) -> None:
        if not workers:
            return
        asked: set[str] = set()

        def joined(current: dict[str, Listed]) -> bool:
            wanted = {worker.url: worker for worker in workers}
            left = complaint(wanted, {url: listed for url, listed in current.items() if url in wanted})
            if not left:
                return True
            for worker in workers:
                listed = current.get(worker.url)
                if worker.url not in asked and (listed is None or listed.draining) and self._router.add(worker):
                    asked.add(worker.url)
            return False

        if not self._until(joined):
            left = complaint({worker.url: worker for worker in workers}, self._of(workers))
            raise RouterError(
                f"{self._router.label}: {left}, {self._timeout:.0f} s after POST /workers; make sure that {self._router.host} reaches it "
                f"(GET /health and /server_info), and see what journalctl -u {self._router.name} says of it"
            )

    def _of(self, workers: tuple[Worker, ...]) -> dict[str, Listed]:
        urls = {worker.url for worker in workers}
        return {url: listed for url, listed in self._router.listed().items() if url in urls}

    def _stuck(self, urls: list[str], current: dict[str, Listed]) -> RouterError:
        words = self._router.says_of(current[urls[0]])
        says = f", it says: {words}" if words else ""
        state = "still ends requests" if current[urls[0]].draining else "is still registered"
        return RouterError(
            f"{self._router.label}: {', '.join(urls)} {state} {self._timeout:.0f} s after DELETE /workers{says}; "
            f"restart it (systemctl restart {self._router.name}) and deploy again"
        )

    def _leave(self, urls: set[str]) -> dict[str, Listed]:
        """Wait until the router has forgotten workers; return those that still end requests."""
        if not urls or self._until(lambda current: not urls & set(current)):
            return {}
        now = self._router.listed()
        stuck = sorted(url for url in urls & set(now) if not now[url].draining)
        if stuck:
            raise self._stuck(stuck, now)
        return {url: now[url] for url in urls & set(now)}

    def apply(self, current: dict[str, Listed], changes: Changes) -> list[str]:
        """Add before anything is removed; return the URLs that still end requests when the time is over."""
        self._join(changes.adds)
        for worker in changes.renews:
            self._router.renew(worker, current[worker.url])
        self._join(changes.renews)
        for worker in changes.replaces:
            self._router.remove(current[worker.url])
        ending = self._leave({worker.url for worker in changes.replaces})
        if ending:
            raise self._stuck(sorted(ending), ending)
        self._join(changes.replaces)
        for listed in changes.removes:
            self._router.remove(listed)
        # What an earlier run or somebody else has removed may still end requests, too.
        leaving = {listed.url for listed in changes.removes} | {
            url for url, listed in current.items() if listed.draining
        }
        return sorted(self._leave(leaving - set(self._router.workers)))
