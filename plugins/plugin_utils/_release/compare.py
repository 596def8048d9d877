# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the verified releases of all hosts. PRIVATE to the collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

_FILES = 10
_FIX = "Fix: run weights.yml or deploy.yml"
Results = Mapping[str, Mapping[str, Any]]


def differences(results: Results) -> list[str]:
    """Return a sentence for each host that has another release than most hosts, a damaged one, or no result."""
    sentences = [
        f"{host}  not compared: {result.get('msg', 'it has no result')}"
        for host, result in results.items()
        if "releases" not in result
    ]
    for name, reports in _by_name(results).items():
        usual = _usual(reports)
        alike = [host for host, report in reports.items() if report["digest"] == usual]
        for host, report in reports.items():
            if report["digest"] not in {"", usual}:
                expected = f"expected {usual}, as on {first_few(alike, 3)}"
                sentences.append(f"{host}  {name}: release {report['digest']} ({expected}). {_FIX}")
            if not report["ok"]:
                sentences.append(f"{host}  {name}: {_damage(report)}. {_FIX}")
    return sentences


def overview(results: Results) -> list[str]:
    """Return a line for each release: where it is, and which others every host has."""
    lines = []
    for name, reports in _by_name(results).items():
        usual = _usual(reports)
        common = set.intersection(*(set(report.get("releases", [])) for report in reports.values())) - {usual}
        order = next(iter(reports.values())).get("releases", [])
        others = [digest for digest in order if digest in common]
        kept = f"; also on disk: {', '.join(others)}" if others else ""
        lines.append(f"{name}: release {usual} on {len(reports)} host{'s' * (len(reports) != 1)}, verified{kept}")
    return lines


def _by_name(results: Results) -> dict[str, dict[str, Mapping[str, Any]]]:
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for host, result in results.items():
        for name, report in result.get("releases", {}).items():
            found.setdefault(name, {})[host] = report
    return found


def _usual(reports: Mapping[str, Mapping[str, Any]]) -> str:
    counts = Counter(report["digest"] for report in reports.values() if report["digest"])
    return str(counts.most_common(1)[0][0]) if counts else ""


def _damage(report: Mapping[str, Any]) -> str:
    problems = report["problems"]
    return str(report["lost"] or first_few([f"{path}: {problems[path]}" for path in sorted(problems)], _FILES))
