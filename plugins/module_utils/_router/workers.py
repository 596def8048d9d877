# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconcile the workers of a running router with the plan."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .._base.probe import Endpoint
from .._base.text import first_few
from .._plan.types import RouterUnit, Worker
from .._plan.words import url
from .api import Listed, RouterError, RunningRouter, label

POLL_SECONDS = 0.3
HEALTH_SECONDS = 5.0


@dataclass(frozen=True)
class Changes:
    """What differs from the plan. replaces: workers to remove and add, because their type or bootstrap port differs."""

    adds: tuple[Worker, ...] = ()
    replaces: tuple[Worker, ...] = ()
    renews: tuple[Worker, ...] = ()
    removes: tuple[Listed, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.adds or self.replaces or self.renews or self.removes)

    def summary(self) -> dict[str, list[str]]:
        """Return the URLs by what happens to them."""
        return {
            "added": sorted(url(worker) for worker in (*self.adds, *self.replaces)),
            "renewed": sorted(url(worker) for worker in self.renews),
            "removed": sorted([listed.url for listed in self.removes] + [url(worker) for worker in self.replaces]),
        }


def plan(
    desired: dict[str, Worker], current: dict[str, Listed], drain: bool, answers: Callable[[str], bool]
) -> Changes:
    """Return what differs, for a drain only removals. answers: whether a worker is healthy as seen from this host."""
    removes = tuple(strangers(desired, current))
    if drain:
        return Changes(removes=removes)
    adds, replaces, renews = [], [], []
    for place, worker in sorted(desired.items()):
        listed = current.get(place)
        if listed is None or listed.draining:
            adds.append(worker)
        elif not listed.serves_as(worker):
            replaces.append(worker)
        elif not listed.healthy and answers(place):
            renews.append(worker)
    return Changes(tuple(adds), tuple(replaces), tuple(renews), removes)


def strangers(desired: dict[str, Worker], current: dict[str, Listed]) -> list[Listed]:
    """Return the workers that are not in the plan and still get requests."""
    return [listed for place, listed in sorted(current.items()) if place not in desired and not listed.draining]


def answers_here(place: str) -> bool:
    """Return whether a worker is healthy as seen from this host: the router need not wait for its next checks then."""
    parts = urlsplit(place)
    tls = parts.scheme == "https"
    return not Endpoint(parts.hostname or "", parts.port or (443 if tls else 80), tls).healthy(HEALTH_SECONDS)


def line(place: str, worker: Worker | Listed, healthy: bool = True) -> str:
    """Return a worker as a line of a diff."""
    port = f"  bootstrap port {worker.bootstrap_port}" if worker.bootstrap_port else ""
    return f"{worker.worker_type:<8}{place}{port}{'' if healthy else '  unhealthy'}\n"


def kind(listed: Listed) -> str:
    """Return as what a router uses a worker."""
    return listed.worker_type + (f" with bootstrap port {listed.bootstrap_port}" if listed.bootstrap_port else "")


def diff(router: RunningRouter, current: dict[str, Listed], changes: Changes) -> dict[str, Any]:
    """Return the element of the module's diff for a router."""
    before = {place: line(place, listed, listed.healthy) for place, listed in current.items() if not listed.draining}
    removed = {listed.url for listed in changes.removes}
    after = {place: text for place, text in before.items() if place not in removed}
    joining = (*changes.adds, *changes.replaces, *changes.renews)
    after.update((url(worker), line(url(worker), worker)) for worker in joining)
    header = f"workers of {router.name} ({router.url})"
    texts = {"before": "".join(sorted(before.values())), "after": "".join(sorted(after.values()))}
    return {"before_header": header, "after_header": header, **texts}


def complaint(desired: dict[str, Worker], current: dict[str, Listed]) -> str:
    """Return how the workers of a router differ from the plan, empty if they do not and all are healthy."""
    troubles = []
    for place, worker in sorted(desired.items()):
        listed = current.get(place)
        if listed is None or listed.draining:
            troubles.append(f"{label(worker)} is not registered")
        elif not listed.serves_as(worker):
            troubles.append(f"{label(worker)} is registered as {kind(listed)}")
        elif not listed.healthy:
            troubles.append(f"{label(worker)} is registered but unhealthy")
    troubles += [
        f"a worker that is not in the plan is registered: {listed.url} as {kind(listed)}"
        for listed in strangers(desired, current)
    ]
    return first_few(troubles, separator="; ")


@dataclass(frozen=True)
class WatchedRouter:
    """A router that is watched."""

    unit: RouterUnit

    @property
    def name(self) -> str:
        """Return the name of its unit."""
        return self.unit.name

    def probe(self, timeout: float) -> tuple[str, str]:
        """Return a completion through it and, where it is not ready, why."""
        try:
            router = RunningRouter(self.unit)
            trouble = complaint(router.workers, router.listed())
        except RouterError as error:
            return "", str(error)
        return ("", trouble) if trouble else router.complete(timeout)


class Reconciler:
    """Bring one router to the plan; every wait is bounded."""

    def __init__(self, router: RunningRouter, timeout: float) -> None:
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
            wanted = {url(worker): worker for worker in workers}
            left = complaint(wanted, {place: listed for place, listed in current.items() if place in wanted})
            if not left:
                return True
            for worker in workers:
                place = url(worker)
                listed = current.get(place)
                if place not in asked and (listed is None or listed.draining) and self._router.add(worker):
                    asked.add(place)
            return False

        if not self._until(joined):
            left = complaint({url(worker): worker for worker in workers}, self._of(workers))
            raise RouterError(
                f"{self._router.label}: {left}, {self._timeout:.0f} s after POST /workers; check that "
                f"{self._router.host} reaches it (GET /health and /server_info), "
                f"and see journalctl -u {self._router.name}"
            )

    def _of(self, workers: tuple[Worker, ...]) -> dict[str, Listed]:
        places = {url(worker) for worker in workers}
        return {place: listed for place, listed in self._router.listed().items() if place in places}

    def _stuck(self, urls: list[str], current: dict[str, Listed]) -> RouterError:
        message = self._router.says_of(current[urls[0]])
        says = f" (its message: {message})" if message else ""
        state = "still has requests in flight" if current[urls[0]].draining else "is still registered"
        return RouterError(
            f"{self._router.label}: {first_few(urls)} {state} {self._timeout:.0f} s after DELETE /workers{says}; "
            f"restart it (systemctl restart {self._router.name}) and deploy again"
        )

    def _leave(self, urls: set[str]) -> dict[str, Listed]:
        """Wait until the router no longer lists workers; return those that still have requests in flight."""
        if not urls or self._until(lambda current: not urls & set(current)):
            return {}
        now = self._router.listed()
        stuck = sorted(place for place in urls & set(now) if not now[place].draining)
        if stuck:
            raise self._stuck(stuck, now)
        return {place: now[place] for place in urls & set(now)}

    def apply(self, current: dict[str, Listed], changes: Changes) -> list[str]:
        """Add before anything is removed; return the URLs that still have requests in flight when the time is over."""
        self._join(changes.adds)
        for worker in changes.renews:
            self._router.renew(worker, current[url(worker)])
        self._join(changes.renews)
        for worker in changes.replaces:
            self._router.remove(current[url(worker)])
        ending = self._leave({url(worker) for worker in changes.replaces})
        if ending:
            raise self._stuck(sorted(ending), ending)
        self._join(changes.replaces)
        for listed in changes.removes:
            self._router.remove(listed)
        # What an earlier run or somebody else has removed may still have requests in flight, too.
        draining = {place for place, listed in current.items() if listed.draining}
        leaving = {listed.url for listed in changes.removes} | draining
        return sorted(self._leave(leaving - set(self._router.workers)))
