# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a server or a router: its health, and a real completion."""

from __future__ import annotations

import json
import re
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

PROMPT = "The capital of France is"
REQUEST = {"text": PROMPT, "sampling_params": {"max_new_tokens": 8, "temperature": 0, "ignore_eos": True}}


def api_key(keys_text: str) -> str:
    """Return the API key in the text of a keys.yaml of this collection, empty if there is none."""
    match = re.search(r"^api-key: (.*)$", keys_text, re.MULTILINE)
    return str(json.loads(match.group(1))) if match else ""


def completion_text(body: str) -> str:
    """Return the completion in an answer of /generate, empty if there is none."""
    answer: Any = json.loads(body)
    if isinstance(answer, list):
        answer = answer[0] if answer else {}
    if not isinstance(answer, dict):
        return ""
    # A server without a tokenizer answers with the numbers of the tokens.
    tokens = answer.get("output_ids")
    return str(answer.get("text") or "") or " ".join(map(str, tokens if isinstance(tokens, list) else []))


class Endpoint:
    """The API of one instance or router, or the health server of a follower."""

    def __init__(self, address: str, port: int, tls: bool, key: str) -> None:
        """Keep its address and key."""
        self._address, self._port, self._tls, self._key = address, port, tls, key

    def request(self, method: str, path: str, body: str | None, timeout: float) -> tuple[int, str]:
        """Return the status and the text of an answer; raise OSError or HTTPException where there is none."""
        connection: HTTPConnection
        if self._tls:
            # The certificate names what clients use, which need not be the cluster address.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = HTTPSConnection(self._address, self._port, timeout=timeout, context=context)
        else:
            connection = HTTPConnection(self._address, self._port, timeout=timeout)
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def healthy(self, timeout: float) -> str:
        """Return why it is not healthy, empty if it is."""
        try:
            status, _unused = self.request("GET", "/health", None, timeout)
        except (OSError, HTTPException) as error:
            return f"GET /health: {error}"
        return "" if status == 200 else f"GET /health answered {status}"

    def complete(self, timeout: float) -> tuple[str, str]:
        """Return the text of a completion and, if there is none, why."""
        try:
            status, body = self.request("POST", "/generate", json.dumps(REQUEST), timeout)
            text = completion_text(body) if status == 200 else ""
        except (OSError, HTTPException, ValueError) as error:
            return "", f"POST /generate: {error}"
        if status != 200:
            return "", f"POST /generate answered {status}: {body[:200]}"
        return text, "" if text else "POST /generate answered without a text"
