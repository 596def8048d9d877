# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes SGLang's place where a benchmark measures a deploy and not a model; PYTHONPATH names the folder above."""

__version__ = "0.5.23"
