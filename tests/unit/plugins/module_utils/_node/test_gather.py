# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of a host: only what is asked for, bounded, and a section that fails spoils no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._node import gather
from ansible_collections.multinode.sglang.plugins.module_utils._node.gather import SECTIONS, Wanted

Host = Callable[[str], Root]
Answering = Callable[..., Commands]
PARAMS: dict[str, Any] = {
    "gather": ["all"], "cluster_address": None, "names": [], "addresses": [], "paths": [], "files": [], "runtimes": [],
    "nccl_libraries": [], "timeout": 0.2,
}  # fmt: skip


def wanted(**params: Any) -> Wanted:
    """What is wanted of a host."""
    return Wanted.from_params({**PARAMS, **params}, "python3")


def test_all_sections_are_there(host_files: Host, answering: Answering) -> None:
    node = gather.gather(wanted(), host_files(""), answering({"ip -json": (0, "[]")}))
    assert set(node) == {*SECTIONS, "problems", "seconds"}
    assert set(node["seconds"]) == set(SECTIONS)
    assert node["problems"] == []


def test_only_what_is_asked_for(host_files: Host, answering: Answering) -> None:
    node = gather.gather(wanted(gather=["kernel", "listeners"]), host_files(""), answering({}))
    assert set(node) == {"kernel", "listeners", "problems", "seconds"}


def test_problems_name_their_section(host_files: Host, answering: Answering) -> None:
    node = gather.gather(
        wanted(gather=["network", "gpu"]), host_files("roce_bond.tree"), answering({"ip -json": (0, "no json")})
    )
    assert node["network"] is None
    assert [problem.partition(":")[0] for problem in node["problems"]] == ["network", "gpu"]
    assert len(node["gpu"]["gpus"]) == 2


def test_a_section_that_hangs_is_left_out(host_files: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    commands = Commands(lambda *_words, **_options: release.wait(60) or (0, "", ""), lambda name: name, -1.3)
    started = time.monotonic()
    node = gather.gather(wanted(gather=["network", "listeners"], timeout=-1.3), host_files(""), commands)
    release.set()
    assert time.monotonic() - started < 5
    assert node["network"] is None
    assert node["listeners"] == []
    assert node["problems"] == ["network: it did not answer in time"]
