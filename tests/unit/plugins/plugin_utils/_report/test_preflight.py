# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight table: errors are marked and counted, and warnings are not."""

from __future__ import annotations

from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import host
from ansible_collections.multinode.sglang.plugins.plugin_utils._report import preflight

from tests.unit.plugins.plugin_utils._checks.hosts import (
    EPHEMERAL,
    WANTED,
    gpu,
    gpus,
    listener,
    node,
    planned,
    saw,
    unit,
)


def test_the_table_marks_and_counts_errors() -> None:
    facts = node(listeners=[listener(30000)], **gpus(gpu(0, ecc_errors=3), gpu(1)))
    found = [finding.as_dict("a") for finding in host.findings(facts, planned(), EPHEMERAL, WANTED)]
    hosts = [
        preflight.Host("a", facts, saw(), found),
        preflight.Host("b", node(), None, []),
        preflight.Host("c", None, None, [host.no_answer("c", "").as_dict("c")]),
    ]
    tables, errors, warnings = preflight.render(hosts, [])
    lines = tables.splitlines()
    assert "ok !" in lines[1]
    assert [line.rpartition("  ")[2] for line in lines[1:4]] == ["1 error", "ok", "no answer"]
    assert lines[4:] == ["", "-  the host has none, or it was not checked"]
    assert [text.split(" (")[0] for text in errors] == [
        "a  port 30000 is in use by process 7",
        "c  the host did not answer. Fix: check ssh and become",
    ]
    assert [text.split(" memory")[0] for text in warnings] == ["a  GPU 0 has 3 uncorrected"]


def cell(facts: dict[str, Any], area: str, **plan: Any) -> str:
    """Return a cell of a host."""
    return preflight.cells(preflight.Host("a", facts, None, [], planned(**plan)))[area]


def test_a_cell_says_ok_only_of_what_was_looked_at() -> None:
    assert cell(node(), "ports") == cell(node(), "settings") == "ok"
    assert cell(node(listeners=None), "ports") == "-"
    assert cell(node(kernel=None), "settings") == "-"
    served = [{**unit(), "files": {"model-path": ["/models/lm"]}}]
    there = {"path": "/models/lm", "kind": "directory", "model": True}
    assert cell(node(), "model") == "-"
    assert cell(node(files=[there]), "model", units=served) == "ok"
    assert cell(node(files=[]), "model", units=served) == "-"


def test_a_clock_that_was_compared_with_the_controller_is_not_unknown() -> None:
    compared = {"source": None, "synchronized": False, "controller": {"ahead": 0.1, "took": 1.0}}
    assert cell(node(clock=compared), "clock") == "ok"
    assert cell(node(clock={**compared, "controller": None}), "clock") == "-"
    assert cell(node(clock={**compared, "source": "chrony"}), "clock") == "chrony"


def test_every_release_is_shown() -> None:
    runtimes = [{"sglang": version, "digest": "1"} for version in ("0.5.22", "0.5.23")]
    assert cell(node(runtimes=runtimes), "runtime") == "0.5.22, 0.5.23"


def test_a_table_without_gaps_has_no_legend() -> None:
    assert preflight.LEGEND not in preflight.render([preflight.Host("c", None, None, [])], [])[0]
