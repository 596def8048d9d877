# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned and installed by default is what the plan has option tables for."""

from __future__ import annotations

import yaml
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.programs import ROUTERS, SGLANG
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.versions import spell

from tests.checks.common import REPO

ROLE = REPO / "roles/sglang_plan"
DEFAULTS = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))


def test_sglang() -> None:
    assert DEFAULTS["sglang_version"] == spell(SGLANG.newest)


def test_routers() -> None:
    assert DEFAULTS["sglang_router_version"] == ""
    page = (ROLE / "README.md").read_text(encoding="utf-8")
    newest = " or ".join(spell(router.newest) for router in ROUTERS.values())
    assert f"| `sglang_router_version` | {newest} | release of that package |" in page
