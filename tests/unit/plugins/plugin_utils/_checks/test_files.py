# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that servers read: which are asked for, and which may still be missing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Option
from ansible_collections.multinode.sglang.plugins.module_utils._plan.words import files
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import files as checks

from tests.unit.plugins.planned import server
from tests.unit.plugins.plugin_utils._checks.hosts import node, planned, unit


@pytest.mark.parametrize(
    ("option", "values", "paths"),
    [
        ("model-path", ("/models/lm",), ["/models/lm"]),
        ("model-path", ("meta-llama/Llama-3.1-8B",), []),
        ("chat-template", ("llama-3",), []),
        ("chat-template", ("/etc/lm.jinja",), ["/etc/lm.jinja"]),
        ("lora-paths", ("/loras/a", "b=/loras/b", "c=owner/c"), ["/loras/a", "/loras/b"]),
        ("download-dir", ("/var/cache/models",), []),
        ("file-storage-path", ("/var/lib/files",), []),
    ],
)
def test_the_files_that_a_unit_reads(option: str, values: tuple[str, ...], paths: list[str]) -> None:
    found = files(server(options=(Option(option, values),)))
    assert found == ({option: paths} if paths else {})


def missing(path: str, **more: Any) -> list[str]:
    """Return the checks that fail on a host that lacks a model."""
    entry = planned(units=[{**unit(), "files": {"model-path": [path]}}], **more)
    facts = node(files=[{"path": path, "kind": None, "model": False}])
    return [finding.check for finding in checks.findings(facts, entry)]


def test_what_a_deploy_copies_or_mounts_may_be_missing() -> None:
    store, mount = {"name": "lm", "store": "/data/models/lm"}, {"path": "/mnt/models"}
    assert missing("/data/models/lm/current") == ["absent_file"]
    assert missing("/data/models/lm/current", releases=[store]) == []
    assert missing("/data/models/lm-other/current", releases=[store]) == ["absent_file"]
    assert missing("/mnt/models/lm") == ["absent_file"]
    assert missing("/mnt/models/lm", mounts=[mount]) == []


@pytest.mark.parametrize(
    ("kind", "model", "found"), [("file", False, 0), ("directory", True, 0), ("directory", False, 1)]
)
def test_a_model_is_a_directory_with_its_configuration_or_a_file(kind: str, model: bool, found: int) -> None:
    entry = planned(units=[{**unit(), "files": {"model-path": ["/models/lm"]}}])
    facts = node(files=[{"path": "/models/lm", "kind": kind, "model": model}])
    assert len(list(checks.findings(facts, entry))) == found


def test_a_path_that_did_not_answer_is_not_called_missing() -> None:
    entry = planned(units=[{**unit(), "files": {"model-path": ["/models/lm"]}}])
    assert list(checks.findings(node(files=[]), entry)) == []
    assert not checks.seen(node(files=[]), entry)
