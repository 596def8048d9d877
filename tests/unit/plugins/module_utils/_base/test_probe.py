# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a server for a completion, with a real server on 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import probe, processes
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Root
from ansible_collections.multinode.sglang.plugins.module_utils._base.probe import Endpoint, api_key, completion_text

from ...fake_server import FakeServer


class Model(FakeServer):
    """A server that answers like SGLang with an API key. keys: what it was shown."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        super().__init__()

    def respond(self, method: str, _path: str, key: str, _body: str) -> tuple[int, str]:
        """Complete for whoever has the key."""
        self.keys.append(key)
        if method == "GET":
            return 200, "{}"
        return (200, '{"text": " Paris."}') if key == "Bearer right" else (401, '{"error": "Unauthorized"}')


@pytest.fixture
def model() -> Iterator[Model]:
    """Serve the model."""
    found = Model()
    yield found
    found.close()


@pytest.fixture
def port(model: Model) -> int:
    """Return where the model is served."""
    return model.port


@pytest.fixture
def unit() -> str | None:
    """Return the unit of this process, which is the server."""
    found: str | None = processes.describe(Root(), os.getpid())["unit"]
    return found


def test_a_completion(port: int, unit: str | None) -> None:
    assert Endpoint("127.0.0.1", port, False, "right", unit).complete(5) == (" Paris.", "")
    assert Endpoint("127.0.0.1", port, False).healthy(5) == ""


def test_a_wrong_key_is_trouble(port: int, unit: str | None) -> None:
    text, trouble = Endpoint("127.0.0.1", port, False, "wrong", unit).complete(5)
    assert text == ""
    assert trouble.startswith("POST /generate answered 401")


def test_a_program_that_took_the_port_gets_no_key(model: Model) -> None:
    text, trouble = Endpoint("127.0.0.1", model.port, False, "right", "sglang-a-0.service").complete(5)
    assert text == ""
    assert trouble.startswith(f"POST /generate: not sglang-a-0.service, but pid {os.getpid()} of ")
    assert trouble.endswith("accepts there; the key was not sent")
    assert model.keys == []


@pytest.fixture
def drip() -> Iterator[int]:
    """Serve an answer that goes on for ever, a byte every 0.05 s."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            connection.recv(4096)
            for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
                connection.sendall(bytes([byte]))
                if ended.wait(0.05):
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    yield int(listener.getsockname()[1])
    ended.set()
    listener.close()
    thread.join()


def test_an_answer_has_an_end(drip: int) -> None:
    begin = time.monotonic()
    assert Endpoint("127.0.0.1", drip, False).healthy(0.4) == "GET /health: no whole answer in 0.4 s"
    assert time.monotonic() - begin < 2


def test_an_answer_has_a_size(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "MOST", 1)
    assert Endpoint("127.0.0.1", port, False).healthy(5) == "GET /health: the answer has more than 1 bytes"


def test_nothing_listens_is_trouble() -> None:
    assert "Connection refused" in Endpoint("127.0.0.1", 1, False).complete(5)[1]
    assert "Connection refused" in Endpoint("127.0.0.1", 1, False).healthy(5)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"text": " Paris"}', " Paris"),
        ('[{"text": " Paris"}]', " Paris"),
        ('{"output_ids": [4, 146]}', "4 146"),
        ('{"text": ""}', ""),
        ("[]", ""),
        ("3", ""),
        ('{"output_ids": 5}', ""),
        ('{"text": "\\u001b[2J"}', "\N{REPLACEMENT CHARACTER}[2J"),
        ("[" * 200_000, ""),
    ],
)
def test_completion_text(body: str, text: str) -> None:
    assert completion_text(body) == text


def test_api_key_reads_what_the_units_module_writes() -> None:
    assert api_key('api-key: "a\\"b"\nadmin-api-key: "c"\n') == 'a"b'
    assert api_key('admin-api-key: "c"\n') == ""
