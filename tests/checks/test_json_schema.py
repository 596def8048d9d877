# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON schema is that of the keys that the plan checks: it takes what the plan takes, and refuses other keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import keys

from tests.checks.common import REPO
from tests.checks.json_schema import text

SHIPPED = REPO / "docs/sglang.schema.json"
EXAMPLES = [
    path
    for path in sorted((REPO / "inventories").rglob("*.yml"))
    if "sglang_deployments:" in path.read_text(encoding="utf-8") and path.name != "hosts.yml"
]


def test_the_shipped_file_is_the_one_that_is_made_now(tmp_path: Path) -> None:
    now = tmp_path / SHIPPED.name
    now.write_text(text(), encoding="utf-8")
    assert SHIPPED.exists(), f"cp {now} {SHIPPED}"
    assert SHIPPED.read_text(encoding="utf-8") == now.read_text(encoding="utf-8"), f"cp {now} {SHIPPED}"


def wrong(deployment: dict[str, Any]) -> list[str]:
    """Return what the schema says against a deployment."""
    schema = json.loads(SHIPPED.read_text(encoding="utf-8"))
    checker = jsonschema.Draft7Validator(schema)
    return [error.message for error in checker.iter_errors({"sglang_deployments": {"a": deployment}})]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(REPO)))
def test_it_takes_the_examples(path: Path) -> None:
    schema = json.loads(SHIPPED.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schema)


@pytest.mark.parametrize("role", keys.ALL)
def test_it_knows_every_key_and_no_other(role: str) -> None:
    group: dict[str, Any] = {"hosts": "gpus", "tp_size": "{{ size }}"}
    whole = {"server": group} if role == "server" else {"prefill": group, "decode": {"hosts": "gpus"}}
    assert wrong({"model": "/m", **whole}) == []
    for key in keys.GROUP:
        changed = {"model": "/m", **whole, role: {**group, key.name: "{{ x }}"}}
        assert bool(wrong(changed)) == (role not in key.roles), key.name
    assert wrong({"model": "/m", **whole, role: {**group, "tp_sise": 8}})
    assert wrong({"model": "/m", **whole, role: {**group, "tp_size": 0}})


@pytest.mark.parametrize(
    "deployment",
    [
        {"server": {"hosts": "gpus"}},
        {"model": "/m"},
        {"model": "/m", "prefill": {"hosts": "gpus"}},
        {"model": "/m", "server": {"tp_size": 8}},
        {"model": "/m", "server": {"hosts": "gpus", "extra_ports": {"port": 1}}},
        {"model": "/m", "server": {"hosts": "gpus", "server_args": {"disable-radix-cache": "yes"}}},
        {"model": "/m", "server": {"hosts": "gpus", "env": {"A": True}}},
    ],
)
def test_it_refuses_what_the_plan_refuses(deployment: dict[str, Any]) -> None:
    assert wrong(deployment)


def test_the_readme_explains_every_key() -> None:
    explained = (REPO / "roles/sglang_plan/README.md").read_text(encoding="utf-8")
    tables = (keys.DEPLOYMENT, keys.GROUP, keys.ROUTER, keys.MODEL, keys.NFS)
    missing = [key.name for table in tables for key in table if f"`{key.name}`" not in explained]
    assert missing == []
