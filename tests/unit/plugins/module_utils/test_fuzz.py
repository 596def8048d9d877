# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever others write, a parser answers or refuses: it never ends in another error, and never goes on for ever.

What nodes answer is in _node/test_damaged.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import journal, probe, systemd
from ansible_collections.multinode.sglang.plugins.module_utils._base.text import clean
from ansible_collections.multinode.sglang.plugins.module_utils._deploy import stamp
from ansible_collections.multinode.sglang.plugins.module_utils._peers.connect import parse_greeting
from ansible_collections.multinode.sglang.plugins.module_utils._prestart import gate, hello
from ansible_collections.multinode.sglang.plugins.module_utils._release import service
from ansible_collections.multinode.sglang.plugins.module_utils._release.program import safetensors, sums, wire
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.journal import Journal, key
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.manifest import Manifest
from ansible_collections.multinode.sglang.plugins.module_utils._router import api
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RANKS = ["node1=127.0.0.1", "node2=127.0.0.1", "node3=127.0.0.1"]
# JSON that is almost right finds more than bytes do.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def almost(*names: str) -> st.SearchStrategy[str]:
    """Return texts: any, JSON, and JSON objects with these names."""
    objects = st.fixed_dictionaries({}, optional=dict.fromkeys(names, VALUES)).map(json.dumps)
    deep = st.integers(1, 3000).map(lambda count: "[" * count)
    return st.text(max_size=200) | VALUES.map(json.dumps) | objects | deep


def peers() -> hello.Peers:
    """Return the ranks of an instance."""
    return hello.Peers("127.0.0.1:1", RANKS, 0, 60, "same")


PARSERS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], object], tuple[type[Exception], ...]]] = {
    "the barrier's hello": (
        almost("rank", "digest"),
        lambda text: hello.check_hello(peers(), "127.0.0.1", text),
        (),
    ),
    "the barrier's answer": (almost("refusal"), hello.refusal_in, (OSError,)),
    "a peer's greeting": (almost("host", "token", "time").map(str.encode), parse_greeting, ()),
    "a completion": (almost("text", "output_ids"), probe.completion_text, (ValueError,)),
    "a router's workers": (
        almost("workers") | VALUES.map(lambda value: json.dumps({"workers": [value]})),
        api.listed_workers,
        (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
    ),
    "a manifest": (
        almost("format", "block", "files", "links").map(str.encode) | st.binary(max_size=200),
        Manifest.load,
        (Refused,),
    ),
    "a list of sums": (st.text(max_size=300), lambda text: sums.parse(text, "folder"), ()),
    "a unit's journal": (
        st.binary(max_size=300).map(lambda data: data.decode("utf-8", "surrogateescape")),
        lambda text: clean(journal.last_word(clean(text).splitlines())).encode(),
        (),
    ),
    "a copy's journal": (almost("msg"), service.last_message, ()),
    "systemctl show": (st.text(max_size=300), systemd.parse_show, ()),
}


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_answers_or_refuses(name: str) -> None:
    texts, parse, refusals = PARSERS[name]

    @given(texts)
    @settings(max_examples=150)
    def whatever(text: Any) -> None:
        with contextlib.suppress(*refusals):
            parse(text)

    whatever()


@given(data=st.binary(max_size=200) | almost("time", "who", "deployments").map(str.encode))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_files_that_others_could_have_damaged(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert isinstance(stamp.history(str(path)), list)
    with contextlib.suppress(Refused):
        safetensors.check_index(str(path), "model.safetensors.index.json", [])
    found = Journal(str(path))
    assert len(found.marks(key("line"))) <= len(data)
    found.close()


@given(header=almost("__metadata__", "a", "b").map(str.encode) | st.binary(max_size=100), size=st.integers(0, 1 << 64))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_headers_of_safetensors(header: bytes, size: int, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for length in (len(header), size % (1 << 64)):
        path.write_bytes(struct.pack("<Q", length) + header)
        with contextlib.suppress(Refused):
            safetensors.check_header(str(path), path.name, path.stat().st_size, path.stat().st_size)


@given(data=st.binary(max_size=200))
@settings(max_examples=80)
def test_greetings_of_the_copies(data: bytes) -> None:
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(2)
        there.sendall(data)
        there.shutdown(socket.SHUT_WR)
        with pytest.raises(OSError):  # noqa: PT011 the kinds differ: closed, or distrusted
            wire.Channel(here, wire.token_of("token"), 0, server=True)


@given(lines=st.lists(st.binary(max_size=60) | almost("rank", "digest").map(str.encode), max_size=4))
@settings(max_examples=40, deadline=2000)
def test_whoever_talks_to_the_barrier(lines: list[bytes]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as stack:
        entrance = stack.enter_context(contextlib.closing(gate.Gate(peers(), server)))
        for line in lines:
            connection = stack.enter_context(socket.create_connection(server.getsockname()))
            connection.sendall(line + b"\n")
        begin = time.monotonic()
        for _turn in range(3 * len(lines)):
            entrance.turn(0.01)
        assert time.monotonic() - begin < 2
        for held in entrance.present.values():
            held.close()
    assert len(os.listdir("/proc/self/fd")) <= before
