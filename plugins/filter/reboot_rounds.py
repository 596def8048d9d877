# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: reboot_rounds
short_description: Return the rounds in which hosts may restart
version_added: 1.0.0
description:
  - Divides hosts into rounds. No round has two hosts of one instance, and the first round has only one host.
positional: _input, deployments
options:
  _input:
    description: The hosts to restart.
    type: list
    elements: str
    required: true
  deployments:
    description: The deployments, as in RV(multinode.sglang.plan#module:deployments).
    type: dict
    required: true
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Show the rounds in which hosts may restart
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts | multinode.sglang.reboot_rounds(sglang_plan_result.deployments) }}"
"""

RETURN = r"""
_value:
  description: The rounds, each a list of hosts.
  type: list
  elements: list
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import driver


def reboot_rounds(hosts: list[str], deployments: Mapping[str, dict[str, Any]]) -> list[list[str]]:
    """Return the rounds."""
    instances = [
        [rank["host"] for rank in one["ranks"]] for entry in deployments.values() for one in entry["instances"]
    ]
    return driver.reboot_rounds(hosts, instances)


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        return {"reboot_rounds": reboot_rounds}
