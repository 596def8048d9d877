# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a server for a completion, with a real server on 127.0.0.1."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.probe import Endpoint, api_key, completion_text

from ...fake_server import FakeServer


class Model(FakeServer):
    """A server that answers like SGLang with an API key."""

    def respond(self, method: str, _path: str, key: str, _body: str) -> tuple[int, str]:
        """Complete for whoever has the key."""
        if method == "GET":
            return 200, "{}"
        return (200, '{"text": " Paris."}') if key == "Bearer right" else (401, '{"error": "Unauthorized"}')


@pytest.fixture
def port() -> Iterator[int]:
    """Serve the model."""
    model = Model()
    yield model.port
    model.close()


def test_a_completion(port: int) -> None:
    assert Endpoint("127.0.0.1", port, False, "right").complete(5) == (" Paris.", "")
    assert Endpoint("127.0.0.1", port, False, "").healthy(5) == ""


def test_a_wrong_key_is_trouble(port: int) -> None:
    text, trouble = Endpoint("127.0.0.1", port, False, "wrong").complete(5)
    assert text == ""
    assert trouble.startswith("POST /generate answered 401")


def test_nothing_listens_is_trouble() -> None:
    assert "Connection refused" in Endpoint("127.0.0.1", 1, False, "").complete(5)[1]
    assert "Connection refused" in Endpoint("127.0.0.1", 1, False, "").healthy(5)


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
    ],
)
def test_completion_text(body: str, text: str) -> None:
    assert completion_text(body) == text


def test_api_key_reads_what_the_units_module_writes() -> None:
    assert api_key('api-key: "a\\"b"\nadmin-api-key: "c"\n') == 'a"b'
    assert api_key('admin-api-key: "c"\n') == ""
