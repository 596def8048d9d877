# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reason why a host does not answer is taken from what Ansible, ssh and sudo print."""

from __future__ import annotations

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import silence

SSH = "Task failed: Failed to connect to the host via ssh: "


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Task failed: Missing sudo password", "sudo asks for a password"),
        ("Premature end of stream.\n>>> Standard Error\nsudo: a password is required", "sudo asks for a password"),
        (f"{SSH}Warning: Permanently added 'x'.\nu@10.0.0.1: Permission denied (publickey).",
         "ssh refuses the login (publickey)"),
        ("The module interpreter '/usr/bin/python3' was not found.", "there is no Python at /usr/bin/python3"),
        ("/bin/sh: 1: /usr/bin/python3: not found", "there is no Python at /usr/bin/python3"),
        (f"{SSH}ssh: Could not resolve hostname gpu01: Name or service not known", "no address is known for gpu01"),
        (f"{SSH}ssh: connect to host 127.0.0.1 port 1: Connection refused",
         "nothing answers ssh at its address (Connection refused)"),
        (f"{SSH}kex_exchange: banner\nmore", "the host did not answer: kex_exchange: banner"),
        ("", "the host did not answer"),
    ],
)  # fmt: skip
def test_the_reason(message: str, found: str) -> None:
    assert silence.explain(message, "gpu01").found == found


def test_an_ordinary_failure_is_no_silence() -> None:
    assert silence.why("Task failed: Module failed: No space left on device", "gpu01") is None


def test_only_a_missing_password_is_asked_for() -> None:
    assert silence.explain("Missing sudo password", "a").needs_password
    assert not silence.explain("Permission denied (publickey)", "a").needs_password
