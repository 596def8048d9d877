# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A library of NCCL of any version."""

import base64
import shutil
import subprocess

import pytest

from tests.lab import engine

ORDER = ("test_fresh", "test_tuning", "test_preflight", "test_firewall", "test_driver", "test_nccl", "test_rdma")


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """Return the function that makes a library which says a version, in the form that the packages take."""
    if shutil.which("cc") is None:
        engine.apt_install("gcc")

    def make(number):
        folder = tmp_path_factory.mktemp("nccl")
        (folder / "nccl.c").write_text(
            f"int ncclGetVersion(int *version) {{ *version = {number}; return 0; }}", encoding="utf-8"
        )
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-nostdlib", "-s", "-o", folder / "out", folder / "nccl.c"], check=True
        )
        return "base64:" + base64.b64encode((folder / "out").read_bytes()).decode()

    return make
