# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: release_mix
short_description: Says which hosts have other releases, and which files are not what they must be
version_added: "1.0.0"
description:
  - Compares what M(multinode.sglang.release) with C(step=verify) returned on each host. The release that most hosts have is taken as the
    right one.
positional: _input
options:
  _input:
    description: Host to the result on it. A host without C(releases) has not answered.
    type: dict
    required: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Refuse a mix
  ansible.builtin.assert:
    that: mix | length == 0
    fail_msg: "{{ mix | join('\n') }}"
  vars:
    mix: "{{ {'node1': first, 'node2': second} | multinode.sglang.release_mix }}"
"""

RETURN = r"""
_value:
  description: One sentence for each host and release that is not right, none if all are.
  type: list
  elements: str
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

MOST = 10


def _wrong(report: Mapping[str, Any]) -> str:
    if report["lost"]:
        return str(report["lost"])
    problems = report["problems"]
    shown = [f"{path}: {what}" for path, what in sorted(problems.items())[:MOST]]
    more = [f"and {len(problems) - MOST} more"] if len(problems) > MOST else []
    return ", ".join([*shown, *more])


def release_mix(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each host that has something else than the others, or something damaged."""
    sentences = [
        f"{host} was not compared: {result.get('msg', 'it has no result')}"
        for host, result in results.items()
        if "releases" not in result
    ]
    names = dict.fromkeys(name for result in results.values() for name in result.get("releases", {}))
    for name in names:
        reports = {
            host: result["releases"][name] for host, result in results.items() if name in result.get("releases", {})
        }
        counts = Counter(report["digest"] for report in reports.values() if report["digest"])
        usual = counts.most_common(1)[0][0] if counts else ""
        for host, report in reports.items():
            if report["digest"] and report["digest"] != usual:
                sentences.append(
                    f"{host} has the release {report['digest']} of {name}, {counts[usual]} others have {usual}; run weights.yml"
                )
            if not report["ok"]:
                sentences.append(f"{host}, {name}: {_wrong(report)}; run weights.yml to repair it")
    return sentences


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"release_mix": release_mix}
