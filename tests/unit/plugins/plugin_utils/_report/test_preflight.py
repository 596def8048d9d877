# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight table: errors are marked and counted, and warnings are not."""

from __future__ import annotations

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import host
from ansible_collections.multinode.sglang.plugins.plugin_utils._report import preflight

from tests.unit.plugins.plugin_utils._checks.hosts import EPHEMERAL, WANTED, gpu, gpus, listener, node, planned, saw


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
    assert [line.rpartition("  ")[2] for line in lines[1:]] == ["1 error", "ok", "no answer"]
    assert [text.split(" (")[0] for text in errors] == [
        "a  port 30000 is in use by process 7",
        "c  the host did not answer. Fix: check ssh and become",
    ]
    assert [text.split(" memory")[0] for text in warnings] == ["a  GPU 0 has 3 uncorrected"]
