# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: status_table
short_description: Shows the servers of the plan and what they do as a table
version_added: "1.0.0"
description:
  - One row for each rank in the order of the plan, with the last line of the journal where something is wrong.
positional: _input, results
options:
  _input:
    description: The result of M(multinode.sglang.plan).
    type: dict
    required: true
  results:
    description: Host to the result of M(multinode.sglang.instance_state) on it. A host without a result was not reached.
    type: dict
    required: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Show the servers
  ansible.builtin.debug:
    msg: "{{ (sglang_plan_result | multinode.sglang.status_table({'node1': state})).lines }}"
"""

RETURN = r"""
_value:
  description: The table, and what is not as planned.
  type: dict
  contains:
    lines:
      description: The table, line by line.
      type: list
      elements: str
    wrong:
      description: A name for each rank that is not ready.
      type: list
      elements: str
"""

from collections.abc import Mapping
from typing import Any

HEADER = ("deployment", "instance", "rank", "host", "state", "since", "last line")
WIDEST = 100


def _row(unit: Mapping[str, Any], host: str, result: Mapping[str, Any]) -> tuple[str, ...]:
    state = result.get("units", {}).get(unit["name"], {})
    last = (state.get("journal") or [""])[-1].strip() or state.get("trouble", "")
    phase = state.get("phase", "not reached")
    since = state["since"] if phase in ("ready", "running") else "-"
    return (unit["deployment"], unit["instance"], str(unit["rank"]), host, phase, since, last[:WIDEST])


def status_table(plan: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the table of all ranks whose host is in the results, and what is wrong."""
    rows = [_row(unit, host, results[host]) for host, planned in plan["hosts"].items() if host in results for unit in planned["units"]]
    rows.sort(key=lambda row: (row[0], row[1], int(row[2])))
    widths = [max(map(len, column)) for column in zip(HEADER, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (HEADER, *rows)]
    wrong = [f"{row[1]} rank {row[2]} on {row[3]} ({row[4]})" for row in rows if row[4] != "ready"]
    return {"lines": lines, "wrong": wrong}


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"status_table": status_table}
