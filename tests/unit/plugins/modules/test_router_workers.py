# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as a whole: check mode changes nothing and is accurate; a router that does not run is left alone."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import paths
from ansible_collections.multinode.sglang.plugins.module_utils._router.api import RunningRouter
from ansible_collections.multinode.sglang.plugins.modules.router_workers import reconcile, untouched

from ..fake_router import FakeRouter
from ..planned import worker


@pytest.fixture
def fake(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRouter]:
    monkeypatch.setattr(paths, "CONFIG_DIR", str(tmp_path))
    router = FakeRouter()
    router.hold(worker(1), worker(2))
    yield router
    router.close()


def test_check_mode_tells_what_a_run_does(fake: FakeRouter) -> None:
    router = RunningRouter(fake.unit(worker(1), worker(3)))
    foretold = reconcile(router, False, 5, True)
    assert fake.writes() == []
    assert reconcile(router, False, 5, False) == foretold
    assert foretold[0] == {
        "added": ["http://10.0.0.3:30000"],
        "renewed": [],
        "removed": ["http://10.0.0.2:30000"],
        "draining": [],
        "note": "",
    }
    assert fake.urls() == ["http://10.0.0.1:30000", "http://10.0.0.3:30000"]


def test_a_drain_adds_nothing(fake: FakeRouter) -> None:
    done, difference = reconcile(RunningRouter(fake.unit(worker(1), worker(3))), True, 5, False)
    assert done["removed"] == ["http://10.0.0.2:30000"]
    assert difference["after"] == "decode  http://10.0.0.1:30000\n"
    assert fake.urls() == ["http://10.0.0.1:30000"]


def test_a_router_that_is_left_alone_has_a_note_and_no_change() -> None:
    result = untouched("not running (inactive)")
    assert result["note"] == "not running (inactive)"
    assert not any(result[key] for key in ("added", "renewed", "removed", "draining"))
