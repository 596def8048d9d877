# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking bootstrap servers that answer as SGLang's does, late, in part, or not at all."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Bootstrap, Rank
from ansible_collections.multinode.sglang.plugins.module_utils._units import bootstrap
from ansible_collections.multinode.sglang.plugins.module_utils._units.bootstrap import (
    Registered,
    wait_for,
    wait_for_all,
)

from ...fake_server import FakeServer

HOSTS = {"10.0.0.1": "node1", "10.0.0.2": "node2"}


class Served(FakeServer):
    """A bootstrap server with a table of (dp, cp, tp, pp) to address; it is not ready for the first looks."""

    def __init__(self, sizes: tuple[int, int, int, int], table: dict[tuple[int, ...], str], late: int = 0) -> None:
        self.sizes, self.table, self.late, self.raw = sizes, table, late, ""
        super().__init__()

    def answer(self, ranks: tuple[int, ...]) -> tuple[int, str]:
        """Answer as SGLang 0.5.23."""
        if self.raw:
            return 200, self.raw
        if self.late > 0:
            self.late -= 1
            return 503, f"Prefill server not fully registered yet ({len(self.table)} workers registered)."
        if ranks == (-1, -1, -1, -1):
            return 200, json.dumps(dict(zip(bootstrap.SIZES, self.sizes, strict=True)))
        if ranks in self.table:
            return 200, json.dumps({"rank_ip": self.table[ranks], "rank_port": 4000})
        return 404, "Bootstrap info not found"

    def respond(self, _method: str, path: str, _key: str, _body: str) -> tuple[int, str]:
        """Return the address of the ranks that a query names."""
        query = parse_qs(urlsplit(path).query)
        names = ("prefill_dp_rank", "prefill_cp_rank", "target_tp_rank", "target_pp_rank")
        return self.answer(tuple(int(query[name][0]) for name in names))


@pytest.fixture
def pipeline() -> Iterator[Served]:
    """Serve two pipeline ranks on two hosts."""
    server = Served((1, 1, 1, 2), {(0, 0, 0, 0): "10.0.0.1", (0, 0, 0, 1): "10.0.0.2"})
    yield server
    server.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(bootstrap, "CALL_SECONDS", 0.3)


def prefill(port: int, instance: str = "a-prefill-0@node1") -> Bootstrap:
    """Return a prefill instance of the plan on two hosts."""
    ranks = tuple(Rank(host, address) for address, host in HOSTS.items())
    return Bootstrap("sglang-a-prefill-0", instance, "node1", "127.0.0.1", port, ranks)


def test_all_ranks_have_registered(pipeline: Served) -> None:
    assert wait_for(prefill(pipeline.port), 0, "node3") == (Registered(2, 2, ("10.0.0.1", "10.0.0.2")), "")


def test_every_kind_of_rank_is_asked_for() -> None:
    table = {
        (dp, cp, tp, pp): f"10.0.0.{1 + pp}" for dp in range(2) for cp in range(2) for tp in range(3) for pp in range(2)
    }
    server = Served((2, 2, 3, 2), table)
    assert wait_for(prefill(server.port), 0, "node3")[0].ranks == 24
    del table[(1, 0, 2, 1)]
    known, wrong = wait_for(prefill(server.port), 0, "node3")
    assert (known.ranks, known.expected) == (23, 24)
    assert "lists 23 of 24 ranks; see the journal of sglang-a-prefill-0 on node1" in wrong
    server.close()


def test_late_ranks_are_waited_for(pipeline: Served) -> None:
    pipeline.late = 5
    assert wait_for(prefill(pipeline.port), 10, "node3")[1] == ""


def test_ranks_that_do_not_register_in_time(pipeline: Served) -> None:
    pipeline.late = 10**6
    wrong = wait_for(prefill(pipeline.port), 0.05, "node3")[1]
    assert wrong == (
        f"node3 reaches the bootstrap server of prefill instance a-prefill-0@node1 (127.0.0.1:{pipeline.port}), "
        "but it answered 503: Prefill server not fully registered yet (2 workers registered); "
        f"open TCP port {pipeline.port} on node1 for node2, "
        "and see the journal of sglang-a-prefill-0 on node2"
    )


def test_the_host_of_missing_ranks_is_named(pipeline: Served) -> None:
    pipeline.table[(0, 0, 0, 1)] = "10.0.0.9"
    wrong = wait_for(prefill(pipeline.port), 0, "node3")[1]
    assert (
        f"lists 2 of 2 ranks, none of node2 (10.0.0.2); open TCP port {pipeline.port} on node1 for node2, and see"
        in wrong
    )
    del pipeline.table[(0, 0, 0, 1)]
    assert "lists 1 of 2 ranks, none of node2 (10.0.0.2);" in wait_for(prefill(pipeline.port), 0, "node3")[1]


@pytest.mark.parametrize("raw", ["[]", "hello", '{"dp_size": 1}', '{"dp_size": 1e999}'])
def test_something_else_listens_there(pipeline: Served, raw: str) -> None:
    pipeline.raw = raw
    assert "it answered something else than a bootstrap server does" in wait_for(prefill(pipeline.port), 0, "node3")[1]


def test_nothing_listens_there(pipeline: Served) -> None:
    pipeline.close()
    assert wait_for(prefill(pipeline.port), 0, "node3")[1] == (
        "node3 does not reach the bootstrap server of prefill instance a-prefill-0@node1: "
        f"GET /route at 127.0.0.1:{pipeline.port} was refused; "
        f"open TCP port {pipeline.port} on node1 for the decode hosts, and check that sglang-a-prefill-0 runs there"
    )


def test_blocked_ones_cost_one_time_out_together(pipeline: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        begin = time.monotonic()
        seen = wait_for_all(
            [prefill(port, f"b-{number}") for number in range(10)] + [prefill(pipeline.port)], 0, "node3"
        )
        assert time.monotonic() - begin < 2
    assert seen["a-prefill-0@node1"][1] == ""
    assert all("timed out after 0 s" in seen[f"b-{number}"][1] for number in range(10))


def test_no_instances_no_questions() -> None:
    assert wait_for_all([], 30, "node3") == {}


@pytest.mark.parametrize("size", [10**9, -1, 0, "9" * 400, 1e308])
def test_sizes_that_no_instance_has_cost_nothing(pipeline: Served, size: object) -> None:
    pipeline.raw = json.dumps(dict.fromkeys(bootstrap.SIZES, size))
    assert "something else than a bootstrap server does (ValueError" in wait_for(prefill(pipeline.port), 0, "node3")[1]


def test_ranks_that_answer_slowly_have_an_end(pipeline: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "LOOK_SECONDS", 0)
    begin = time.monotonic()
    assert "did not end in time" in wait_for(prefill(pipeline.port), 0, "node3")[1]
    assert time.monotonic() - begin < 1
