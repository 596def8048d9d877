# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded outputs of systemctl."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.systemd import Systemd, SystemdError, parse_show

TWO_UNITS = """NRestarts=1
MainPID=478
Result=success
ActiveEnterTimestamp=Sat 2026-11-21 10:53:04 UTC
Id=sglang-two-0.service
LoadState=loaded
ActiveState=active
SubState=running
NeedDaemonReload=no

Id=sglang-none.service
LoadState=not-found
ActiveState=inactive
SubState=dead
NeedDaemonReload=no
"""


class Run:
    """Stands in for AnsibleModule.run_command."""

    def __init__(self, rc: int, out: str, err: str) -> None:
        self.answer, self.calls = (rc, out, err), []  # type: tuple[int, str, str], list[list[str]]

    def __call__(self, words: list[str], **_options: Any) -> tuple[int, str, str]:
        self.calls.append(words)
        return self.answer


def test_parse_show() -> None:
    shown = parse_show(TWO_UNITS)
    assert list(shown) == ["sglang-two-0", "sglang-none"]
    assert shown["sglang-two-0"]["MainPID"] == "478"
    assert shown["sglang-none"]["LoadState"] == "not-found"


def test_show_asks_once_for_all_units() -> None:
    run = Run(0, TWO_UNITS, "")
    shown = Systemd(run).show(["sglang-two-0", "sglang-none", "unheard-of"])
    assert len(run.calls) == 1
    assert run.calls[0][-3:] == ["sglang-two-0.service", "sglang-none.service", "unheard-of.service"]
    assert shown["unheard-of"]["LoadState"] == "not-found"


def test_nothing_is_asked_about_no_units() -> None:
    run = Run(0, "", "")
    assert Systemd(run).show([]) == {}
    assert run.calls == []


def test_a_failure_says_what_was_tried() -> None:
    systemd = Systemd(Run(1, "", "System has not been booted with systemd as init system"))
    with pytest.raises(SystemdError, match="systemctl daemon-reload failed: System has not been booted"):
        systemd.call("daemon-reload")


def test_a_manager_that_does_not_answer_is_said() -> None:
    run = Run(124, "", "")
    with pytest.raises(SystemdError, match="systemctl daemon-reload failed: no answer in 60 s"):
        Systemd(run).call("daemon-reload")
    assert run.calls[0][:2] == ["/usr/bin/timeout", "--kill-after=5"]


def test_a_journal_owns_no_terminal_and_breaks_no_result() -> None:
    raw = b"loading \x1b]0;owned\x07\x1b[2J\xff\xfe\nError: x\n".decode("utf-8", "surrogateescape")
    lines = Systemd(Run(0, raw, "")).journal("sglang-a-0", 2)
    assert lines == ["loading \ufffd]0;owned\ufffd\ufffd[2J\ufffd\ufffd", "Error: x"]
    assert "\n".join(lines).encode()
