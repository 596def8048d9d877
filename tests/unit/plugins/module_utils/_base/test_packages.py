# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the packages of an environment from its directories."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import packages


def test_installed(tmp_path: pathlib.Path) -> None:
    site = tmp_path / "lib/python3.11/site-packages"
    for name in ["torch-2.13.0+cpu.dist-info", "Jinja2-3.1.6.dist-info", "zope.interface-6.1-py3.11.egg-info", "torch"]:
        (site / name).mkdir(parents=True)
    found = {"jinja2": "3.1.6", "torch": "2.13.0+cpu", "zope-interface": "6.1"}
    assert packages.installed(str(tmp_path)) == {**found, "python": "3.11"}
    # A prefix with several interpreters, such as /usr, does not say which one it is.
    (tmp_path / "lib/python3.12/site-packages").mkdir(parents=True)
    assert packages.installed(str(tmp_path)) == found


def test_an_environment_without_packages_has_no_python(tmp_path: pathlib.Path) -> None:
    (tmp_path / "lib/python3.11/site-packages").mkdir(parents=True)
    assert packages.installed(str(tmp_path)) == {}


def test_digest_depends_on_packages_only() -> None:
    assert packages.digest({"a": "1", "b": "2"}) == packages.digest({"b": "2", "a": "1"})
    assert packages.digest({"a": "1"}) != packages.digest({"a": "2"})
    assert packages.digest({}) == ""


def test_prefix_follows_the_link_of_the_version_but_not_the_interpreter(tmp_path: pathlib.Path) -> None:
    (tmp_path / "1.0/bin").mkdir(parents=True)
    (tmp_path / "1.0/bin/python").symlink_to("/usr/bin/python3")
    (tmp_path / "current").symlink_to("1.0")
    assert packages.prefix_of(str(tmp_path / "current/bin/python")) == str(tmp_path / "1.0")


@pytest.mark.parametrize(
    ("requirement", "met"),
    [
        ("torch==2.13.0", True),
        ("torch==2.13.0+cpu", True),
        ("torch==2.13.0+cu130", False),
        ("torch==2.14.1", False),
        ("absent==1.0", False),
        ("Uvicorn[standard]==0.54.0", True),
        ("anything>=1", True),
    ],
)
def test_unmet(requirement: str, met: bool) -> None:
    installed = {"torch": "2.13.0+cpu", "uvicorn": "0.54.0"}
    assert packages.unmet([requirement], installed) == ([] if met else [requirement])
