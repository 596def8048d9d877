# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: package_mix
short_description: Says which hosts have different Python packages
version_added: "1.0.0"
description:
  - Compares what M(multinode.sglang.runtime) returned on each host with the first host's. The ranks of an instance must run the same code.
positional: _input
options:
  _input:
    description: Host to the result of M(multinode.sglang.runtime) on it. A host without C(digest) is left out.
    type: dict
    required: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Refuse a mix
  ansible.builtin.assert:
    that: mix | length == 0
    fail_msg: "{{ mix }}"
  vars:
    mix: "{{ {'node1': first, 'node2': second} | multinode.sglang.package_mix }}"
"""

RETURN = r"""
_value:
  description: One sentence that names two hosts and the packages they differ in, empty if all hosts agree.
  type: str
"""

from collections.abc import Mapping
from typing import Any

MOST = 10


def _difference(first: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    names = sorted(name for name in {*first, *other} if first.get(name) != other.get(name))
    return [f"{name} {first.get(name, 'absent')} and {other.get(name, 'absent')}" for name in names]


def package_mix(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a sentence about the first host that differs, empty if none does."""
    known = {host: result for host, result in results.items() if result.get("digest")}
    if not known:
        return ""
    first = next(iter(known))
    odd = [host for host, result in known.items() if result["digest"] != known[first]["digest"]]
    if not odd:
        return ""
    lines = _difference(known[first].get("packages", {}), known[odd[0]].get("packages", {}))
    more = f", and {len(lines) - MOST} more" if len(lines) > MOST else ""
    others = f" ({len(odd)} hosts differ from {first}: {', '.join(odd[:MOST])})" if len(odd) > 1 else ""
    return (
        f"{first} and {odd[0]} have different Python packages: {'; '.join(lines[:MOST])}{more}{others}. "
        "Give all hosts the same, for example by a new version directory or by constraints (sglang_runtime_constraints)."
    )


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"package_mix": package_mix}
