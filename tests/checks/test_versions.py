# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned and installed by default is what the plan has option tables for."""

from __future__ import annotations

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.programs import ROUTERS, SGLANG
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.versions import spell

from tests.checks.common import REPO


def default(name: str, **variables: str) -> str:
    """Return a default of the role sglang_plan as it is with these variables."""
    values = yaml.safe_load((REPO / "roles/sglang_plan/defaults/main.yml").read_text(encoding="utf-8"))
    trusted = {key: trust_as_template(value) if isinstance(value, str) else value for key, value in values.items()}
    return str(Templar(DataLoader(), variables={**trusted, **variables}).template(trusted[name]))


def test_sglang() -> None:
    assert default("sglang_version") == spell(SGLANG.newest)


@pytest.mark.parametrize("package", ROUTERS)
def test_each_router(package: str) -> None:
    assert default("sglang_router_version", sglang_router_package=package) == spell(ROUTERS[package].newest)
