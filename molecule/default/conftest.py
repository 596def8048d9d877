# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers as fixtures."""

from __future__ import annotations

import pytest
from scenario import Server

# Each start of a server takes a while, so it serves as many tests as possible.
ORDER = ("test_fresh", "test_steady", "test_kill", "test_change", "test_port", "test_secrets", "test_remove")


@pytest.fixture(scope="session")
def alpha(servers: dict[str, Server]) -> Server:
    """Return the server that asks for a key."""
    return servers["alpha"]


@pytest.fixture(scope="session")
def beta(servers: dict[str, Server]) -> Server:
    """Return the server that answers everybody."""
    return servers["beta"]
