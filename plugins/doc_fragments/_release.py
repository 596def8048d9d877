# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module release has in common with its part on the hosts. PRIVATE to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that it hands on."""

    DOCUMENTATION = r"""
options:
  step:
    description: What to do.
    type: str
    choices: [look, start, follow, publish, verify]
    required: true
  firewall:
    description: Whether the service lets the other hosts of the run in where ufw is enabled, for as long as it runs.
    type: bool
    default: true
  service_options:
    description: Directives for the service that copies.
    type: dict
    default: {}
  references:
    description: Patterns of files that name releases in use, such as units; these are not removed.
    type: list
    elements: str
    default: [/etc/systemd/system/sglang-*.service]
  full:
    description: With O(step=verify), read every byte instead of what the file system says about each file.
    type: bool
    default: false
  timeout:
    description: How long in seconds a source may take to answer.
    type: float
    default: 15
"""
