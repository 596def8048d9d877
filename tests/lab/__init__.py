# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: hosts with systemd, sshd and a firewall, in containers, for the demo, the tests and the benchmarks."""

from .lab import Lab
from .progress import LabError

__all__ = ["Lab", "LabError"]
