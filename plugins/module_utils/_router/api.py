# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of a running router: its workers, and a completion through it. PRIVATE to the collection."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from .._base.files import read
from .._units.probe import Server

CALL_SECONDS = 10.0
# smg keeps a worker that was removed in its list until the requests in flight have ended.
DRAINING = "draining"
ACCEPTED = (200, 201, 202, 204)


class RouterError(Exception):
    """A router did not do what it was asked; the text says which, what was tried and what to do."""


@dataclass(frozen=True)
class Keys:
    """The keys that a router was started with."""

    api: str = field(default="", repr=False)
    control: str = field(default="", repr=False)

    @classmethod
    def from_words(cls, words: list[str]) -> Keys:
        """Take them out of the words that the launcher adds to the command line."""
        api, control, option = "", "", ""
        for word in words:
            if word.startswith("--"):
                option, equals, value = word.partition("=")
                if not equals:
                    continue
            else:
                value = word
            if option == "--api-key":
                api = value
            elif option == "--control-plane-api-keys":
                # id:name:role:key, and only an admin may change the workers.
                parts = value.split(":", 3)
                if len(parts) == 4 and parts[2].lower() == "admin":
                    control = control or parts[3]
        return cls(api, control)


def read_keys(path: str) -> Keys:
    """Return the keys in a secrets.json; none where there is no such file."""
    text = read(path)
    if text is None:
        return Keys()
    try:
        words = json.loads(text)
    except ValueError as error:
        raise RouterError(f"{path} is not JSON: {error}; deploy this router again") from error
    return Keys.from_words([str(word) for word in words])


@dataclass(frozen=True)
class Worker:
    """A worker that a router shall have."""

    url: str
    worker_type: str
    bootstrap_port: int | None
    instance: str = ""

    @classmethod
    def from_plan(cls, item: dict[str, Any]) -> Worker:
        """Take a worker of the plan."""
        port = item.get("bootstrap_port")
        return cls(item["url"].rstrip("/"), item["worker_type"], None if port is None else int(port), item["instance"])

    @property
    def label(self) -> str:
        """Return how it is called in messages."""
        kind = "instance" if self.worker_type == "regular" else f"{self.worker_type} instance"
        return f"the {kind} {self.instance} ({self.url})"


@dataclass(frozen=True)
class Listed:
    """A worker that a router has. ids: more than one where the router has an entry for every data-parallel rank."""

    url: str
    worker_type: str
    bootstrap_port: int | None
    healthy: bool
    draining: bool
    ids: tuple[str, ...]

    def serves_as(self, worker: Worker) -> bool:
        """Tell whether the router uses it as the plan says."""
        return (self.worker_type, self.bootstrap_port) == (worker.worker_type, worker.bootstrap_port)


def listed_workers(body: str) -> dict[str, Listed]:
    """Return URL -> worker out of an answer of GET /workers."""
    found: dict[str, Listed] = {}
    for item in json.loads(body)["workers"]:
        # With data-parallel awareness each rank is a worker: URL@RANK.
        url = item["url"].rstrip("/").partition("@")[0]
        before = found.get(url)
        found[url] = Listed(
            url,
            item["worker_type"],
            item.get("bootstrap_port"),
            bool(item["is_healthy"]) and (before is None or before.healthy),
            item.get("status") == DRAINING or (before is not None and before.draining),
            (*(before.ids if before else ()), item["id"]),
        )
    return found


class Router:
    """One running router."""

    def __init__(self, item: dict[str, Any], config_dir: str) -> None:
        """Take a router of the plan; read its keys."""
        self.name, self.url, self.host = item["name"], item["url"], item["host"]
        self.workers = {worker.url: worker for worker in map(Worker.from_plan, item["workers"])}
        self._secrets = f"{config_dir}/{self.name}/secrets.json"
        self._keys = read_keys(self._secrets)
        address, port, tls = item["address"], int(item["port"]), item["scheme"] == "https"
        self._server = Server(address, port, tls, self._keys.api)
        self._control = Server(address, port, tls, self._keys.control or self._keys.api)

    def _call(self, method: str, path: str, payload: dict[str, Any] | None = None) -> tuple[int, str]:
        body = None if payload is None else json.dumps(payload)
        try:
            status, text = self._control.request(method, path, body, CALL_SECONDS)
        except (OSError, HTTPException) as error:
            raise RouterError(f"{self.label}: {method} {path}: {error}; look at journalctl -u {self.name}") from error
        if status in (401, 403):
            raise RouterError(
                f"{self.label}: {method} {path} answered {status}: the keys in {self._secrets} are not those that it runs with; "
                "deploy it again, and give it a key of role admin where it asks for control plane keys"
            )
        return status, text

    def _unexpected(self, method: str, path: str, status: int, text: str) -> RouterError:
        return RouterError(
            f"{self.label}: {method} {path} answered {status}: {text[:200]}; look at journalctl -u {self.name}"
        )

    @property
    def label(self) -> str:
        """Return how it is called in messages."""
        return f"router {self.name} on {self.host} ({self.url})"

    def listed(self) -> dict[str, Listed]:
        """Return URL -> worker that the router has."""
        status, text = self._call("GET", "/workers")
        try:
            if status == 200:
                return listed_workers(text)
        except (ValueError, KeyError, TypeError) as error:
            raise RouterError(
                f"{self.label}: GET /workers answered no list of workers ({type(error).__name__} {error})"
            ) from error
        raise self._unexpected("GET", "/workers", status, text)

    def _payload(self, worker: Worker) -> dict[str, Any]:
        payload: dict[str, Any] = {"url": worker.url, "worker_type": worker.worker_type}
        if worker.bootstrap_port is not None:
            payload["bootstrap_port"] = worker.bootstrap_port
        if self._keys.api:
            # A worker that is added later does not get the router's own key.
            payload["api_key"] = self._keys.api
        return payload

    def add(self, worker: Worker) -> bool:
        """Ask it to add a worker; False where one with this URL is still being added or removed."""
        status, text = self._call("POST", "/workers", self._payload(worker))
        if status not in (*ACCEPTED, 409):
            raise self._unexpected("POST", "/workers", status, text)
        return status != 409

    def renew(self, worker: Worker, listed: Listed) -> None:
        """Ask it to take up a worker anew, which it then holds for healthy; it stays in the list meanwhile."""
        for identifier in listed.ids:
            path = f"/workers/{identifier}"
            status, text = self._call("PUT", path, self._payload(worker))
            if status not in ACCEPTED:
                raise self._unexpected("PUT", path, status, text)

    def remove(self, listed: Listed) -> None:
        """Ask it to forget a worker; requests in flight go on."""
        for identifier in listed.ids:
            path = f"/workers/{identifier}"
            status, text = self._call("DELETE", path)
            if status not in (*ACCEPTED, 404):
                raise self._unexpected("DELETE", path, status, text)

    def says_of(self, listed: Listed) -> str:
        """Return the router's own words on the last thing that it was asked to do with a worker."""
        status, text = self._call("GET", f"/workers/{listed.ids[0]}")
        try:
            return str(json.loads(text)["job_status"]["message"] or "") if status == 200 else ""
        except (ValueError, KeyError, TypeError):
            return ""

    def complete(self, timeout: float) -> tuple[str, str]:
        """Return the text of a completion through the router and, if there is none, why."""
        return self._server.complete(timeout)
