#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Print where each deployment answers, or the verdict of check mode
version_added: 1.0.0
description:
  - Print for each deployment of the plan its URLs, the name of its model, and a request to paste. In check mode, print
    whether preflight would refuse the run.
  - It prints nothing where the callback P(multinode.sglang.summary#callback) is enabled, which prints more, and at the
    very end.
  - It runs on the controller. The plan is in C(sglang_plan_result), which the role C(sglang_plan) registers, and the
    findings in C(preflight_result).
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: full
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Print what answers where
  multinode.sglang.report:
  run_once: true
"""

RETURN = r"""
lines:
  description: What is printed where the callback is not enabled.
  returned: always
  type: list
  elements: str
  sample: ["DEPLOYED", "  llama: 1 instance answers as model llama", "    URL: http://10.0.0.1:30000/v1"]
"""
