# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A router on 127.0.0.1 that keeps its workers as sglang-router 0.3.2 or smg 1.13.0 does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import RouterUnit, Worker
from ansible_collections.multinode.sglang.plugins.module_utils._plan.words import url

from .planned import router


class FakeRouter:
    """Workers by id, and the requests. smg: removed workers drain for some polls, and a known URL is refused."""

    def __init__(self, smg: bool = False, key: str = "", control: str = "") -> None:
        self.smg, self.key, self.control = smg, key, control or key
        self.workers: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.deaf: set[str] = set()
        self.drain_looks = 2
        self.completion: tuple[int, Any] = (200, {"text": " Paris"})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

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

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        router = self

        class Handler(BaseHTTPRequestHandler):
            def reply(self) -> None:
                """Check the key, answer, and remember the request."""
                payload = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
                wanted = router.control if self.path.startswith("/workers") else router.key
                if wanted and self.headers.get("Authorization") != f"Bearer {wanted}":
                    status, body = 401, {"error": "Unauthorized"}
                else:
                    router.asked.append((self.command, self.path, payload))
                    status, body = router.answer(self.command, self.path, payload)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def do_GET(self) -> None:
                self.reply()

            def do_POST(self) -> None:
                self.reply()

            def do_PUT(self) -> None:
                self.reply()

            def do_DELETE(self) -> None:
                self.reply()

            def log_message(self, *_words: Any) -> None:
                """Be quiet."""

        return Handler
