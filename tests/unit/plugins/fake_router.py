# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A router on 127.0.0.1 that keeps its workers as sglang-router 0.3.2 or smg 1.13.0 does."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import RouterUnit, Worker
from ansible_collections.multinode.sglang.plugins.module_utils._plan.words import url

from .fake_server import FakeServer
from .planned import router


class FakeRouter(FakeServer):
    """Workers by id, and the requests. smg: removed workers drain for some polls, and a known URL is refused."""

    def __init__(self, smg: bool = False, key: str = "", control: str = "") -> None:
        self.smg, self.key, self.control = smg, key, control or key
        self.workers: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.deaf: set[str] = set()
        self.drain_looks = 2
        self.completion: tuple[int, Any] = (200, {"text": " Paris"})
        super().__init__()

    def unit(self, *workers: Worker) -> RouterUnit:
        """Return it as a router of the plan."""
        return router("a", *workers, address="127.0.0.1", port=self.port)

    def hold(self, *workers: Worker, **changes: Any) -> None:
        """Register workers of the plan."""
        for one in workers:
            port = {"bootstrap_port": one.bootstrap_port} if one.bootstrap_port else {}
            self.register(url(one), {"worker_type": one.worker_type, **port, **changes})

    def register(self, place: str, entry: dict[str, Any]) -> None:
        """Register a worker as a router lists it."""
        self.workers[f"id-{place}"] = {"id": f"id-{place}", "url": place, "is_healthy": True, **entry}

    def urls(self) -> list[str]:
        """Return the URLs of its workers."""
        return sorted(entry["url"] for entry in self.workers.values())

    def writes(self) -> list[tuple[str, str]]:
        """Return the requests that change something."""
        return [
            (method, payload.get("url") or path)
            for method, path, payload in self.asked
            if path.startswith("/workers") and method != "GET"
        ]

    def _look(self) -> dict[str, Any]:
        for identifier, entry in list(self.workers.items()):
            if entry.get("status") == "draining":
                entry["looks"] = entry.get("looks", 0) + 1
                if entry["looks"] > self.drain_looks:
                    del self.workers[identifier]
        return {"workers": list(self.workers.values()), "total": len(self.workers)}

    def _add(self, payload: dict[str, Any]) -> tuple[int, Any]:
        if self.smg and payload["url"] in self.urls():
            return 409, {"code": "WORKER_ALREADY_EXISTS"}
        if payload["url"] not in (*self.deaf, *self.urls()):
            self.register(payload["url"], payload)
        return 202, {"status": "accepted"}

    def answer(self, method: str, path: str, payload: dict[str, Any]) -> tuple[int, Any]:
        """Answer as a router."""
        if path == "/generate":
            return self.completion
        if method == "GET":
            return (200, self._look()) if path == "/workers" else (200, {"job_status": {"message": "No workers found"}})
        if method == "POST":
            return self._add(payload)
        entry = self.workers.get(path.rpartition("/workers/")[2])
        if entry is None:
            return 404, {}
        if method == "PUT":
            entry["is_healthy"] = True
        elif entry["url"] not in self.deaf:
            if self.smg:
                entry.update(is_healthy=False, status="draining")
            else:
                del self.workers[entry["id"]]
        return 202, {}

    def respond(self, method: str, path: str, key: str, body: str) -> tuple[int, str]:
        """Check the key, remember the request, and answer."""
        wanted = self.control if path.startswith("/workers") else self.key
        if wanted and key != f"Bearer {wanted}":
            return 401, json.dumps({"error": "Unauthorized"})
        payload = json.loads(body or "{}")
        self.asked.append((method, path, payload))
        status, answer = self.answer(method, path, payload)
        return status, json.dumps(answer)
