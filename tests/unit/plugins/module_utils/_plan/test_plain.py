# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan goes to the hosts as plain data and comes back as the same types."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import each, from_dict, to_dict
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import (
    Option,
    Plan,
    Release,
    RouterUnit,
    ServerUnit,
)

from ...plugin_utils._plan.conftest import typed

GROUP = {"disaggregation_transfer_backend": "mooncake_tcp", "nnodes": 2, "tp_size": 16}
DEPLOYMENTS = {
    "pd": {
        "model": "llama",
        "prefill": {"hosts": "first", **GROUP},
        "decode": {"hosts": "second", **GROUP},
        "router": {"hosts": "first", "cb-failure-threshold": 3},
    }
}
MODELS = {"llama": {"source": "/mnt/a/llama", "nfs": {"server": "nfs1", "export": "/a", "path": "/mnt/a"}}}


@pytest.fixture
def plan() -> Plan:
    """Return a plan with something of every type."""
    return typed(DEPLOYMENTS, models=MODELS)


def test_a_plan_comes_back_as_it_was(plan: Plan) -> None:
    assert from_dict(Plan, json.loads(json.dumps(to_dict(plan))), "plan") == plan


def test_words_are_added_for_readers(plan: Plan) -> None:
    host = to_dict(plan)["hosts"]["node0"]
    assert host["routers"][0]["url"] == "http://10.0.0.10:8000"


def test_numbers_may_come_as_text(plan: Plan) -> None:
    plain: dict[str, Any] = to_dict(plan.hosts["node0"].units[0])
    assert from_dict(ServerUnit, {**plain, "rank": "0"}, "units[0]").rank == 0


@pytest.mark.parametrize(("value", "exact"), [(False, False), ("false", False), ("True", True)])
def test_booleans_may_come_as_text(plan: Plan, value: Any, exact: bool) -> None:
    plain = to_dict(plan.hosts["node0"].releases[0])
    assert from_dict(Release, {**plain, "exact": value}, "releases[0]").exact is exact


def test_a_text_that_is_no_boolean_is_refused(plan: Plan) -> None:
    plain = {**to_dict(plan.hosts["node0"].releases[0]), "exact": "maybe"}
    with pytest.raises(ValueError, match=r"releases\[0\].exact: 'maybe' is not of type bool"):
        each(Release, [plain], "releases")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rank": "first"}, r"units\[0\].rank: 'first' is not of type int"),
        ({"ranks": "node0"}, r"units\[0\].ranks: it must be a list"),
        ({"rank": None}, r"units\[0\].rank: None is not of type int"),
        ({"name": None}, r"units\[0\].name: None is not of type str"),
        ({"host": ["node0"]}, r"units\[0\].host: \['node0'\] is not of type str"),
        ({"gpus": None}, r"units\[0\].gpus: it must be a list"),
        ({"gpus": ["all"]}, r"units\[0\].gpus\[0\]: 'all' is not of type int"),
        ({"environment": "A=1"}, r"units\[0\].environment: it must be a mapping"),
        ({"options": [None]}, r"units\[0\].options\[0\]: it must be a mapping"),
        ({"ranks": [{"host": "node0"}]}, r"units\[0\].ranks\[0\].address: it is missing"),
    ],
)
def test_what_is_no_unit_is_refused(plan: Plan, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        each(ServerUnit, [{**to_dict(plan.hosts["node0"].units[0]), **changes}], "units")


def test_a_text_is_no_router() -> None:
    with pytest.raises(ValueError, match=r"routers\[0\]: it must be a mapping"):
        each(RouterUnit, ["router"], "routers")


def test_options_are_found_by_name(plan: Plan) -> None:
    unit = plan.hosts["node0"].units[0]
    assert unit.option("tp-size") == Option("tp-size", ("16",))
    assert unit.option("grpc-port") is None
