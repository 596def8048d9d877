# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers like an SGLang server in a moment and with a few megabytes, whatever its other options are."""

from __future__ import annotations

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "a stand-in answers"
HEALTH = ("/health", "/health_generate", "/ping")


def reply(path: str, model: str) -> dict[str, Any]:
    """What the leader says to a request for this path."""
    message = {"role": "assistant", "content": ANSWER}
    choice = {"index": 0, "finish_reason": "stop", "text": ANSWER, "message": message}
    models = {"object": "list", "data": [{"id": model, "object": "model"}]}
    completion = {"id": "1", "model": model, "choices": [choice], "usage": {"completion_tokens": 3}}
    answers: dict[str, dict[str, Any]] = {
        "/v1/models": models,
        "/v1/completions": completion,
        "/v1/chat/completions": completion,
        "/generate": {"text": ANSWER, "meta_info": {"finish_reason": {"type": "stop"}}},
    }
    return answers.get(path, {})


def handler(model: str, leader: bool) -> type[BaseHTTPRequestHandler]:
    """The class that answers requests: a follower knows its health and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(reply(self.path, model)).encode()
            found = self.path in HEALTH or (leader and body != b"{}")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

    return Handler


def main() -> None:
    """Serve until the end."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--served-model-name")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=30000)
    parser.add_argument("--node-rank", type=int, default=0)
    known = parser.parse_known_args()[0]
    serve = handler(known.served_model_name or known.model_path, known.node_rank == 0)
    ThreadingHTTPServer((known.host, known.port), serve).serve_forever()


if __name__ == "__main__":
    main()
