# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What units run on their host without Ansible: the checks before a start, and the launcher of a router."""


class Refusal(Exception):
    """The unit must not start; the text says why and what to do."""
