# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of the scenario as a fixture."""

from __future__ import annotations

import pytest
from scenario import Hosts


@pytest.fixture(scope="session")
def hosts() -> Hosts:
    """Return the hosts of the scenario."""
    return Hosts.of_scenario()
