# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with different packages."""

from __future__ import annotations

from typing import Any

from ansible_collections.multinode.sglang.plugins.filter.package_mix import package_mix


def result(**packages: str) -> dict[str, Any]:
    """Return what the module says on a host."""
    return {"digest": str(sorted(packages.items())), "packages": packages}


def test_hosts_that_agree() -> None:
    assert package_mix({"n1": result(torch="2"), "n2": result(torch="2")}) == ""
    assert package_mix({}) == ""


def test_the_first_difference_is_named() -> None:
    text = package_mix({"n1": result(torch="2", a="1"), "n2": result(torch="2", a="1"), "n3": result(torch="3", b="1")})
    assert text.startswith(
        "n1 and n3 have different Python packages: a 1 and absent; b absent and 1; torch 2 and 3. Give all"
    )


def test_many_hosts_are_counted() -> None:
    odd = {f"n{number}": result(torch="3") for number in range(2, 30)}
    text = package_mix({"n1": result(torch="2"), **odd})
    assert "(28 hosts differ from n1: n2, n3," in text
    assert "n12" not in text


def test_hosts_without_an_installation_are_left_out() -> None:
    assert package_mix({"n1": {"digest": "", "packages": {}}, "n2": result(torch="2"), "n3": {}}) == ""
