# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What is wrong with a host, in sentences that tell how to mend it: pure functions of what M(multinode.sglang.node_info) saw."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be; cure says who can mend it: install, reboot or user. One that is not grave is only told."""

    check: str
    seen: str
    needed: str
    remedy: str
    cure: str = "user"
    grave: bool = True

    def told(self, host: str) -> dict[str, Any]:
        """Return it for Ansible, with a sentence."""
        text = f"{host}: {self.seen}, but {self.needed} is needed; {self.remedy}"
        return {
            "check": self.check,
            "cure": self.cure,
            "grave": self.grave,
            "host": host,
            "seen": self.seen,
            "needed": self.needed,
            "remedy": self.remedy,
            "text": text,
        }


def numbers(version: str) -> tuple[int, ...]:
    """580.95.05 is (580, 95, 5)."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def is_older(version: str, than: str) -> bool:
    """Tell whether a version is before another; missing parts count as 0."""
    left, right = numbers(version), numbers(than)
    length = max(len(left), len(right))
    return left + (0,) * (length - len(left)) < right + (0,) * (length - len(right))


def matches(version: str, pattern: str) -> bool:
    """Tell whether a version fulfils all comparisons of a text such as '>=2.28, <2.29.3'."""
    comparisons = re.findall(r"(<=|>=|==|<|>)\s*([\d.]+)", pattern)
    if not comparisons or re.sub(r"(<=|>=|==|<|>)\s*[\d.]+", "", pattern).strip(" ,"):
        raise ValueError(f"{pattern!r} is no comparison of versions, such as '>=2.28, <2.29.3'")
    return all(_fulfils(version, operator, other) for operator, other in comparisons)


def _fulfils(version: str, operator: str, other: str) -> bool:
    older, newer = is_older(version, other), is_older(other, version)
    return {"<": older, "<=": not newer, ">": newer, ">=": not older, "==": not older and not newer}[operator]


def short(names: list[str], most: int = 8) -> str:
    """Join names, and count those that are too many to show."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def section(node: dict[str, Any], name: str, empty: Any) -> Any:
    """Return a section of a host; one that did not answer is like an empty one."""
    found = node.get(name)
    return empty if found is None else found
