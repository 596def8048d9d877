# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for all property tests."""

from hypothesis import settings

# How long an example takes says more about what else the machine does.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")
