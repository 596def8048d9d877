# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit and the user of a process."""

from __future__ import annotations

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import processes


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/sglang-llama-0.service", "sglang-llama-0.service"),
        ("0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope"),
        ("12:cpu:/\n1:name=systemd:/system.slice/ssh.service\n0::/\n", "ssh.service"),
        ("12:cpu:/user.slice/user-0.slice/session-4.scope\n0::/", "session-4.scope"),
        ("0::/system.slice/docker-abc.scope/init\n", "docker-abc.scope"),
        ("0::/", None),
        ("", None),
    ],
)
def test_units(text: str, unit: str | None) -> None:
    assert processes.unit_of_cgroup(text) == unit


def test_a_user_without_a_name_is_a_number() -> None:
    assert processes.user_of_status("Name:\tx\nUid:\t4000000\t4000000\n") == "4000000"
    assert processes.user_of_status("") is None
