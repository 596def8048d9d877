# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment behind routers, as its clients and its administrators see it."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from scenario import STARTED, Hosts, wait_until

UNHEALTHY_SECONDS = 90


def call(url: str, key: str | None = None, body: dict[str, Any] | None = None, seconds: float = 60) -> tuple[int, str]:
    """Send a request; return the HTTP status, 0 if nobody answers, and the text."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, headers)  # noqa: S310 our own host
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(request, timeout=seconds, context=context) as response:  # noqa: S310 our own host
            return int(response.status), response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (OSError, HTTPException) as error:
        return 0, str(error)


@dataclass(frozen=True)
class Router:
    """A router of the plan."""

    unit: str
    host: str
    url: str
    model: str
    key: str | None
    hosts: Hosts = field(repr=False)

    def ask(self, prompt: str = "Once upon a time", key: str | None = None, tokens: int = 4) -> tuple[int, str]:
        """Request a completion with the router's key or another one; return the status and the answer."""
        body = {"model": self.model, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "ignore_eos": True}
        return call(f"{self.url}/v1/completions", key or self.key, body)

    def answers(self) -> bool:
        """Return whether a completion comes back."""
        status, text = self.ask()
        return status == 200 and bool(json.loads(text)["choices"][0]["text"])

    def workers(self) -> dict[str, bool]:
        """Return the URL of each worker, with its bootstrap port if it has one, and whether it is healthy."""
        status, text = call(f"{self.url}/workers", self.key)
        assert status == 200, text
        listed = [
            (f"{one['worker_type']} {one['url']} {one.get('bootstrap_port') or ''}".strip(), one["is_healthy"])
            for one in json.loads(text)["workers"]
        ]
        assert len(listed) == len(dict(listed)), f"{self.unit} on {self.host} has a worker twice: {listed}"
        return dict(listed)

    def has(self, *workers: str) -> bool:
        """Return whether these are its workers and all are healthy."""
        return self.workers() == dict.fromkeys(workers, True)

    def shows(self, name: str) -> str:
        """Return a property of systemd."""
        return self.hosts.show(self.host, self.unit)[name]

    def started(self) -> int:
        """Return when it was started."""
        return int(self.shows(STARTED))


def metric(hosts: Hosts, instance: dict[str, Any], name: str) -> float:
    """Return the sum over all labels of a metric of an instance."""
    text = call(f"{instance['url']}/metrics")[1]
    found = re.findall(rf"^sglang:{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    assert found, f"{instance['instance']} has no metric {name}: {text[:4000]}"
    return sum(map(float, found))


@dataclass
class Clients:
    """Clients that go on asking. well: how many requests succeeded; failures: status and text of the others."""

    well: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)


@contextmanager
def clients(router: Router, number: int = 2) -> Iterator[Clients]:
    """Ask a router without a pause from several threads while the block runs."""
    seen, ended, lock = Clients(), threading.Event(), threading.Lock()

    def go(me: int) -> None:
        turn = 0
        while not ended.is_set():
            turn += 1
            status, text = router.ask(f"Client {me} asks for the {turn}th time", tokens=8)
            with lock:
                if status == 200:
                    seen.well += 1
                else:
                    seen.failures.append((status, text))
            time.sleep(0.1)

    threads = [threading.Thread(target=go, args=(me,)) for me in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def wait_for_workers(router: Router, *workers: str) -> None:
    """Wait until a router has these workers, all healthy."""
    wait_until(
        f"{router.unit} on {router.host} has {', '.join(workers)}", lambda: router.has(*workers), UNHEALTHY_SECONDS
    )
