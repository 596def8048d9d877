# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the clock, and how far off it is."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands
from ansible_collections.multinode.sglang.plugins.module_utils._node import clock
from ansible_collections.multinode.sglang.plugins.module_utils._node.clock import STA_NANO, STA_UNSYNC, Timex

Recorded = Callable[[str], str]
Answering = Callable[..., Commands]


def show(**states: str) -> str:
    """An answer of 'systemctl show'."""
    return "\n\n".join(f"Id={unit.replace('_', '-')}.service\nActiveState={state}" for unit, state in states.items())


def kernel(status: int, offset: int = 0) -> Timex:
    """What the kernel says."""
    clock = Timex()
    clock.status, clock.offset, clock.maxerror = status, offset, 11000
    return clock


@pytest.mark.parametrize(
    ("states", "source"),
    [
        ({"chrony": "active", "systemd_timesyncd": "inactive"}, "chrony"),
        ({"chronyd": "active"}, "chrony"),
        ({"systemd_timesyncd": "active"}, "timesyncd"),
        ({"phc2sys": "active", "chrony": "active"}, "ptp"),
        ({"chrony": "failed", "ntpsec": "active"}, "ntp"),
        ({"chrony": "inactive"}, None),
    ],
)
def test_what_keeps_the_clock(states: dict[str, str], source: str | None) -> None:
    assert clock.source_of(show(**states)) == source


def test_chrony_tells_server_and_offset(
    recorded: Recorded, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "kernel_clock", lambda: kernel(STA_NANO, 5))
    commands = answering(
        {"systemctl show": (0, show(chrony="active")), "chronyc -c": (0, recorded("chronyc_tracking.csv"))}
    )
    found, problems = clock.gather(commands)
    assert problems == []
    assert abs(found.pop("epoch") - time.time()) < 5
    assert found == {
        "source": "chrony", "server": "ntp1.cluster.internal", "stratum": 3, "offset_seconds": -0.000012345,
        "synchronized": True,
        "max_error_seconds": 0.011,
    }  # fmt: skip


def test_timesyncd_tells_its_server_and_the_kernel_the_offset(
    recorded: Recorded, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "kernel_clock", lambda: kernel(STA_NANO, -2_500_000))
    commands = answering(
        {"systemctl show": (0, show(systemd_timesyncd="active")), "timedatectl show": (0, recorded("timesync.txt"))}
    )
    found, _unused = clock.gather(commands)
    assert (found["server"], found["stratum"], found["offset_seconds"]) == ("ntp1.cluster.internal", 2, -0.0025)


@pytest.mark.parametrize("tracking", ["chronyc_unsynchronised.csv", None])
def test_a_clock_that_nobody_keeps(
    tracking: str | None, recorded: Recorded, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "kernel_clock", lambda: kernel(STA_UNSYNC, 100))
    answers = {"systemctl show": (0, show(chrony="active"))}
    if tracking:
        answers["chronyc -c"] = (0, recorded(tracking))
    found, _unused = clock.gather(answering(answers))
    assert (found["synchronized"], found["offset_seconds"], found["server"]) == (False, None, None)


def test_a_systemd_that_does_not_answer_in_time_is_not_a_host_without_a_time_service(answering: Answering) -> None:
    found, unknown = clock.gather(answering({"systemctl show": (124, "")}))
    assert (found["source"], unknown) == ("unknown", ["systemctl show did not answer within 5 s"])
    # The clock itself needs no answer of systemd.
    assert found["epoch"] > 0


def test_the_unit_of_the_offset_is_the_kernels_choice() -> None:
    assert clock.offset_of(kernel(0, 1500)) == 0.0015
    assert clock.offset_of(kernel(STA_NANO, 1500)) == 0.0000015


def test_the_real_kernel_answers() -> None:
    found = clock.kernel_clock()
    assert found is not None
    # The tick is 10000 microseconds unless somebody bends it; the status has no bits above the known ones.
    assert 0 <= found.status < 1 << 16
    assert 0 <= found.maxerror <= 16_000_000
