# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a server or a router: its health, and a real completion."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any

from .host import Root
from .sockets import other_end
from .text import clean

# What an answer may have, in bytes: the port may belong to anybody.
MOST = 1 << 20
PROMPT = "The capital of France is"
REQUEST = {"text": PROMPT, "sampling_params": {"max_new_tokens": 8, "temperature": 0, "ignore_eos": True}}


def api_key(keys_text: str) -> str:
    """Return the API key in the text of a keys.yaml of this collection, empty if there is none."""
    match = re.search(r"^api-key: (.*)$", keys_text, re.MULTILINE)
    return str(json.loads(match.group(1))) if match else ""


def completion_text(body: str) -> str:
    """Return the completion in an answer of /generate, empty if there is none."""
    try:
        answer: Any = json.loads(body)
    except RecursionError:
        return ""
    if isinstance(answer, list):
        answer = answer[0] if answer else {}
    if not isinstance(answer, dict):
        return ""
    # A server without a tokenizer answers with the numbers of the tokens.
    tokens = answer.get("output_ids")
    return clean(str(answer.get("text") or "")) or " ".join(map(str, tokens if isinstance(tokens, list) else []))


@contextlib.contextmanager
def ended_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """End a connection in time, however slowly the other side writes: the limit of a socket is one for each part."""
    # TLS takes over the descriptor of the first one.
    twin, late = connection.dup(), threading.Event()

    def end() -> None:
        late.set()
        with contextlib.suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, HTTPException) as error:
        if not late.is_set():
            raise
        raise TimeoutError(f"no whole answer in {seconds:g} s") from error
    finally:
        timer.cancel()
        timer.join()
        twin.close()
    if late.is_set():
        raise TimeoutError(f"no whole answer in {seconds:g} s")


class Endpoint:
    """The API of one instance or router, or the health server of a follower."""

    def __init__(self, address: str, port: int, tls: bool, key: str = "", unit: str | None = None) -> None:
        """Keep its address and key. unit: the systemd unit on this host that gets the key, and nobody else."""
        self._address, self._port, self._tls, self._key, self._unit = address, port, tls, key, unit

    def request(self, method: str, path: str, body: str | None, timeout: float) -> tuple[int, str]:
        """Return the status and the text of an answer; raise OSError or HTTPException where there is none."""
        headers = {"Content-Type": "application/json"}
        connection = HTTPConnection(self._address, self._port)
        with socket.create_connection((self._address, self._port), timeout) as sock, ended_after(timeout, sock):
            if self._key:
                self._check_owner(sock, timeout)
                headers["Authorization"] = f"Bearer {self._key}"
            with contextlib.closing(self._secured(sock)) as connection.sock:
                connection.request(method, path, body=body, headers=headers)
                response = connection.getresponse()
                data = response.read(MOST + 1)
        if len(data) > MOST:
            raise OSError(f"the answer has more than {MOST} bytes")
        return response.status, data.decode("utf-8", "replace")

    def _check_owner(self, connection: socket.socket, timeout: float) -> None:
        """Refuse a program that took the port before the server has opened it."""
        found = other_end(Root(), connection, timeout)
        if found["unit"] != self._unit:
            who = f"pid {found['pid']} of {found['user']}" if found["pid"] else "nobody"
            raise OSError(f"not {self._unit}, but {who} ({found['unit']}) accepts there; the key was not sent")

    def _secured(self, connection: socket.socket) -> socket.socket:
        if not self._tls:
            return connection
        # The certificate names what clients use, which need not be the cluster address.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(connection)

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
            return "", f"POST /generate answered {status}: {clean(body[:200])}"
        return text, "" if text else "POST /generate answered without a text"
