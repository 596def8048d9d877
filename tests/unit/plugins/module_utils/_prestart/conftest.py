# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs as a host gets them."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import paths
from ansible_collections.multinode.sglang.plugins.module_utils._base.files import Directory
from ansible_collections.multinode.sglang.plugins.module_utils._units import programs


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Write the programs; return their directory."""
    folder = tmp_path_factory.mktemp("lib")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "LIBRARY_DIR", str(folder))
        for item in programs.files():
            if isinstance(item, Directory):
                pathlib.Path(item.path).mkdir(exist_ok=True)
            else:
                pathlib.Path(item.path).write_text(item.text, encoding="utf-8")
    return folder
