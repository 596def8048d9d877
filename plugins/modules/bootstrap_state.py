#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bootstrap_state
short_description: Proves on a decode host that the bootstrap server of every prefill instance answers and lists all ranks
version_added: "1.0.0"
description:
  - Decode asks the bootstrap server of a prefill instance where the KV cache of each rank is. Servers answer their C(/health) also
    where it cannot be reached, and the first request then hangs.
  - Asks all prefill instances at the same time, until each lists a rank at every address of the plan, or the time is over. Changes
    nothing.
  - In check mode it asks nothing.
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: full
options:
  prefill:
    description: The prefill instances of a deployment, as RV(multinode.sglang.plan#module:deployments) gives them in C(bootstrap).
    type: list
    elements: dict
    required: true
  timeout:
    description: How long in seconds to ask. Ranks register after their server has begun to answer.
    type: float
    default: 30
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Reach the bootstrap servers of prefill from this decode host
  multinode.sglang.bootstrap_state:
    prefill: "{{ sglang_plan_result.deployments['deepseek-r1'].bootstrap }}"
"""

RETURN = r"""
prefill:
  description: What each bootstrap server says, by prefill instance.
  returned: always
  type: dict
  contains:
    ranks:
      description: Number of ranks that have registered.
      type: int
    expected:
      description: Number of ranks that the instance has.
      type: int
    addresses:
      description: Addresses at which they registered.
      type: list
      elements: str
    trouble:
      description: What is wrong, empty if all ranks have registered.
      type: str
  sample: {"deepseek-r1-prefill-0": {"ranks": 16, "expected": 16, "addresses": ["10.0.0.1", "10.0.0.2"], "trouble": ""}}
"""

import platform

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._units.bootstrap import Prefill, wait_for_all


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "prefill": {"type": "list", "elements": "dict", "required": True},
            "timeout": {"type": "float", "default": 30},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, prefill={})
    instances = [Prefill.from_plan(item) for item in module.params["prefill"]]
    seen = wait_for_all(instances, module.params["timeout"], platform.node())
    result = {
        name: {"ranks": known.ranks, "expected": known.expected, "addresses": list(known.addresses), "trouble": trouble}
        for name, (known, trouble) in seen.items()
    }
    wrong = [trouble for _known, trouble in seen.values() if trouble]
    if wrong:
        module.fail_json(msg="\n".join(wrong), prefill=result)
    module.exit_json(changed=False, prefill=result)


if __name__ == "__main__":
    main()
