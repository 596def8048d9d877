# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""A finding: what a host has, what was expected, and how to fix it, in one sentence."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from ansible.module_utils.compat.version import LooseVersion

ERROR, WARNING = "error", "warning"
# Who can fix a finding: the role with its ..._install or ..._reboot, or only the user.
INSTALL, REBOOT, USER = "install", "reboot", "user"
COMPARISON = r"(<=|>=|==|<|>)\s*([\d.]+)"


@dataclass(frozen=True)
class Finding:
    """One check that failed on a host.

    area: the column of the preflight table. found, expected and fix are parts of one sentence; expected may be empty.
    fixed_by: install, reboot or user. severity: error or warning.
    """

    area: str
    check: str
    found: str
    expected: str
    fix: str
    fixed_by: str = USER
    severity: str = ERROR

    def text(self, host: str) -> str:
        """Return the sentence that people read."""
        expected = f" (expected {self.expected})" if self.expected else ""
        return f"{host}  {self.found}{expected}. Fix: {self.fix}"

    def as_dict(self, host: str) -> dict[str, str]:
        """Return the finding for Ansible, sentence included."""
        return {"host": host, **asdict(self), "text": self.text(host)}


def is_older(version: str, than: str) -> bool:
    """Return whether a version is before another; missing parts sort before 0."""
    return bool(LooseVersion(version) < LooseVersion(than))


def matches(version: str, pattern: str) -> bool:
    """Return whether a version fulfils all comparisons of a pattern such as '>=2.28, <2.29.3'."""
    comparisons = re.findall(COMPARISON, pattern)
    if not comparisons or re.sub(COMPARISON, "", pattern).strip(" ,"):
        raise ValueError(f"{pattern!r} is not a comparison of versions such as '>=2.28, <2.29.3'")
    return all(_fulfils(version, operator, other) for operator, other in comparisons)


def _fulfils(version: str, operator: str, other: str) -> bool:
    older, newer = is_older(version, other), is_older(other, version)
    return {"<": older, "<=": not newer, ">": newer, ">=": not older, "==": not older and not newer}[operator]


def section(node: dict[str, Any], name: str, empty: Any) -> Any:
    """Return a section of a host's facts, or an empty one where it could not be gathered."""
    found = node.get(name)
    return empty if found is None else found


def plural(count: int, one: str, many: str = "") -> str:
    """Return the form of a word for a count."""
    return one if count == 1 else many or f"{one}s"
