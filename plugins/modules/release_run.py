# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release_run
short_description: Decides for all hosts which releases are copied from where, and whether all hosts have the same
version_added: "1.0.0"
description:
  - Runs on the controller, once, between the steps of M(multinode.sglang.release).
  - Without O(copies) it decides from what the hosts have seen which of them copy, and in which order they get the data from each
    other. It makes the secret that these hosts know each other by, and keeps it in a file of this run that only its user can read.
  - With O(copies) it returns the one digest that all hosts have, or fails. So no host switches unless all can.
  - A host of the play that has failed before, or was not reached, keeps all others on the release that they have.
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
  register:
    description: The name of the variable that has each host's result of M(multinode.sglang.release) with C(step=look).
    type: str
    required: true
  copies:
    description: The name of the variable that has each host's result with C(step=follow).
    type: str
  run:
    description: With O(copies), the result of the call without it.
    type: dict
    default: {}
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Decide who copies from whom
  multinode.sglang.release_run:
    register: my_look
  run_once: true
  register: my_run

- name: Compare the hosts
  multinode.sglang.release_run:
    register: my_look
    copies: my_copies
    run: "{{ my_run }}"
  run_once: true
  register: my_agreement
"""

RETURN = r"""
releases:
  description: Name of each release that has something to do, to what is to be done, or to the digest that all hosts have.
  returned: success
  type: dict
  sample: {"llama": {"hosts": ["node1", "node2"], "addresses": [["10.0.0.1", 21500], ["10.0.0.2", 21500]]}}
run:
  description: The name of the run.
  returned: success
  type: str
  sample: 6f1e
"""
