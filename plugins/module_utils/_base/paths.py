# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this collection keeps its files on a host."""

from __future__ import annotations

# Environments and secrets of units, one directory each.
CONFIG_DIR = "/etc/sglang"
# Who deployed what on the host, and when.
HISTORY = f"{CONFIG_DIR}/deploys.json"
# The file there that the digests of this host's secrets are made with.
SALT = "salt"
# What a unit writes before it starts, such as the generation that runs.
RUN_DIR = "/run/sglang"
# Programs that units start.
LIBRARY_DIR = "/usr/local/lib/sglang"
UNIT_DIR = "/etc/systemd/system"
# What stands for the release in the paths of environments and the names of packages.
RELEASE = "{version}"


def of_release(text: str, version: str) -> str:
    """Return a path or a name with the release in its place."""
    return text.replace(RELEASE, version)
