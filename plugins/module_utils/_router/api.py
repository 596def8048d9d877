# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of a running router: its workers, and a completion through it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from .._base import paths
from .._base.files import read
from .._base.probe import Endpoint
from .._base.systemd import service
from .._base.text import clean
from .._plan.types import RouterUnit, Worker
from .._plan.words import url

CALL_SECONDS = 10.0
# smg keeps a worker that was removed in its list until the requests in flight have ended.
DRAINING = "draining"
ACCEPTED = (200, 201, 202, 204)


class RouterError(Exception):
    """A router refused a request or did not answer; the text says which one, what was tried and what to do."""


@dataclass(frozen=True)
class Keys:
    """The keys that a router was started with."""

    api: str = field(default="", repr=False)
    control: str = field(default="", repr=False)

    @classmethod
    def from_arguments(cls, arguments: list[str]) -> Keys:
        """Return the keys in the arguments that the launcher adds to the command line."""
        api, control, option = "", "", ""
        for value in arguments:
            if value.startswith("--"):
                option = value
                continue
            if option == "--api-key":
                api = value
            elif option == "--control-plane-api-keys":
                # id:name:role:key, and only an admin may change the workers.
                parts = value.split(":", 3)
                if len(parts) == 4 and parts[2].lower() == "admin":
                    control = control or parts[3]
        return cls(api, control)


def read_keys(path: str) -> Keys:
    """Return the keys in a secrets.json; none without such a file."""
    text = read(path)
    if text is None:
        return Keys()
    try:
        arguments = json.loads(text)
    except ValueError as error:
        raise RouterError(f"{path} is not JSON: {error}; deploy this router again") from error
    if not isinstance(arguments, list):
        raise RouterError(f"{path} is not a list of arguments; deploy this router again")
    return Keys.from_arguments([str(argument) for argument in arguments])


def label(worker: Worker) -> str:
    """Return how a worker is called in messages."""
    kind = "instance" if worker.worker_type == "regular" else f"{worker.worker_type} instance"
    return f"the {kind} {worker.instance} ({url(worker)})"


@dataclass(frozen=True)
class Listed:
    """A worker that a router lists. bootstrap_port: 0 without one. ids: several where it lists data-parallel ranks."""

    url: str
    worker_type: str
    bootstrap_port: int
    healthy: bool
    draining: bool
    ids: tuple[str, ...]

    def serves_as(self, worker: Worker) -> bool:
        """Return whether the router uses it as the plan says."""
        return (self.worker_type, self.bootstrap_port) == (worker.worker_type, worker.bootstrap_port)


def listed_workers(body: str) -> dict[str, Listed]:
    """Return URL -> worker in an answer of GET /workers."""
    found: dict[str, Listed] = {}
    for item in json.loads(body)["workers"]:
        # With data-parallel awareness each rank is a worker: URL@RANK.
        place = clean(item["url"]).rstrip("/").partition("@")[0]
        before = found.get(place)
        found[place] = Listed(
            place,
            item["worker_type"],
            int(item.get("bootstrap_port") or 0),
            bool(item["is_healthy"]) and (before is None or before.healthy),
            item.get("status") == DRAINING or (before is not None and before.draining),
            (*(before.ids if before else ()), item["id"]),
        )
    return found


class RunningRouter:
    """One running router, asked with its own keys."""

    def __init__(self, unit: RouterUnit) -> None:
        """Read its keys."""
        self.name, self.url, self.host = unit.name, url(unit), unit.host
        self.workers = {url(worker): worker for worker in unit.workers}
        self._secrets = f"{paths.CONFIG_DIR}/{unit.name}/secrets.json"
        self._keys = read_keys(self._secrets)
        tls = unit.scheme == "https"
        here = unit.address, unit.port, tls
        self._api = Endpoint(*here, self._keys.api, service(unit.name))
        self._control = Endpoint(*here, self._keys.control or self._keys.api, service(unit.name))

    def _call(self, method: str, path: str, payload: dict[str, Any] | None = None) -> tuple[int, str]:
        body = None if payload is None else json.dumps(payload)
        try:
            status, text = self._control.request(method, path, body, CALL_SECONDS)
        except (OSError, HTTPException) as error:
            raise RouterError(f"{self.label}: {method} {path}: {error}; see journalctl -u {self.name}") from error
        if status in (401, 403):
            raise RouterError(
                f"{self.label}: {method} {path} answered {status}: "
                f"the keys in {self._secrets} are not those that it runs with; "
                "deploy it again, and set a key of the role admin in its control-plane-api-keys if it has any"
            )
        return status, text

    def _unexpected(self, method: str, path: str, status: int, text: str) -> RouterError:
        return RouterError(
            f"{self.label}: {method} {path} answered {status}: {clean(text[:200])}; see journalctl -u {self.name}"
        )

    @property
    def label(self) -> str:
        """Return how it is called in messages."""
        return f"router {self.name} on {self.host} ({self.url})"

    def listed(self) -> dict[str, Listed]:
        """Return URL -> worker that the router lists."""
        status, text = self._call("GET", "/workers")
        try:
            if status == 200:
                return listed_workers(text)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            what = clean(f"{type(error).__name__}: {error}"[:200])
            raise RouterError(f"{self.label}: the answer to GET /workers is not a list of workers ({what})") from error
        raise self._unexpected("GET", "/workers", status, text)

    def _payload(self, worker: Worker) -> dict[str, Any]:
        payload: dict[str, Any] = {"url": url(worker), "worker_type": worker.worker_type}
        if worker.bootstrap_port:
            payload["bootstrap_port"] = worker.bootstrap_port
        if self._keys.api:
            # A router shows its own key only to the workers that it was started with.
            payload["api_key"] = self._keys.api
        return payload

    def add(self, worker: Worker) -> bool:
        """Request to add a worker; return False where one with this URL is still being added or removed."""
        status, text = self._call("POST", "/workers", self._payload(worker))
        if status not in (*ACCEPTED, 409):
            raise self._unexpected("POST", "/workers", status, text)
        return status != 409

    def renew(self, worker: Worker, listed: Listed) -> None:
        """Request to register a worker again: it counts as healthy then, and never leaves the list."""
        for identifier in listed.ids:
            path = f"/workers/{identifier}"
            status, text = self._call("PUT", path, self._payload(worker))
            if status not in ACCEPTED:
                raise self._unexpected("PUT", path, status, text)

    def remove(self, listed: Listed) -> None:
        """Request to remove a worker; requests in flight go on."""
        for identifier in listed.ids:
            path = f"/workers/{identifier}"
            status, text = self._call("DELETE", path)
            if status not in (*ACCEPTED, 404):
                raise self._unexpected("DELETE", path, status, text)

    def says_of(self, listed: Listed) -> str:
        """Return the router's own message about the last request for a worker."""
        status, text = self._call("GET", f"/workers/{listed.ids[0]}")
        try:
            return clean(str(json.loads(text)["job_status"]["message"] or "")) if status == 200 else ""
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""

    def complete(self, timeout: float) -> tuple[str, str]:
        """Return the text of a completion through the router and, where there is none, why."""
        return self._api.complete(timeout)
