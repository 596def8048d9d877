# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts and the playbooks as fixtures."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scenario import Hosts, Play, run_playbook


@pytest.fixture(scope="session")
def hosts() -> Hosts:
    """Return the hosts of the scenario."""
    return Hosts.of_scenario()


@pytest.fixture(scope="session")
def playbook() -> Callable[..., Play]:
    """Return the function that runs a playbook."""
    return run_playbook
