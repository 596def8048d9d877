#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_check
short_description: Check the facts of a host against what serving needs
version_added: 1.0.0
description:
  - Checks NVIDIA's driver, NCCL, RDMA, and the host in general, and compares the hosts of a deployment.
  - Findings are returned and do not fail the module. Each one is a sentence with the host, what was found, what was
    expected, and the fix.
  - It runs on the controller and connects to no host. It reads C(sglang_plan_result), which the role C(sglang_plan)
    registers, and C(node_facts_result), which the role C(node_facts) registers on each host.
  - A host without servers in the plan is not checked for O(driver), O(nccl) and O(rdma); a host without NVIDIA's GPUs
    and driver is not checked for O(driver).
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
  driver:
    description: Check NVIDIA's driver.
    type: dict
    suboptions:
      minimum:
        description: Oldest version that is allowed.
        type: str
        required: true
      branch:
        description: The only branch that is allowed, such as V(580). Empty allows any.
        type: str
        default: ""
      version:
        description: The only version that is allowed. Empty allows any.
        type: str
        default: ""
      open_modules:
        description:
          - Whether the open kernel modules, V(true), or the proprietary ones, V(false), must be loaded.
            Unset allows both.
        type: bool
      ibgda:
        description: Whether the kernel module must have the parameters that IBGDA needs.
        type: bool
        default: false
  nccl:
    description: Check every NCCL library that a server has loaded, and the one that the next server will load.
    type: dict
    suboptions:
      minimum:
        description: Oldest version that is allowed.
        type: str
        required: true
      denylist:
        description:
          - Versions with known faults. Each entry has C(versions), such as C(>=2.28,<2.29.3), C(reason), and
            optionally C(machines), the architectures where it fails, and C(use), the version to use instead.
        type: list
        elements: dict
        default: []
  rdma:
    description:
      - Check RDMA ports, and the GID indexes in the environment of the planned units. A host without RDMA devices
        passes unless O(rdma.required) or O(rdma.devices) require one.
    type: dict
    suboptions:
      required:
        description: Whether the host must have a device.
        type: bool
        default: false
      devices:
        description: Names or patterns of devices, each of which must be present and active. Empty checks all devices.
        type: list
        elements: str
        default: []
      minimum_rate_gbps:
        description: Lowest rate of a port in Gbit/s.
        type: float
        default: 0
      minimum_mtu:
        description: Lowest RDMA MTU of a port.
        type: int
        default: 0
      peermem:
        description:
          - Whether C(nvidia_peermem) must be loaded on a host with NVIDIA's driver. Otherwise DMA-BUF is enough.
        type: bool
        default: true
  host:
    description: Check GPUs, ports, free space, resolver and clock.
    type: dict
    suboptions:
      gpus:
        description: Whether the planned GPUs must be present and idle.
        type: bool
        default: true
      free_gib:
        description: Directories and the free space in GiB that each must have. C(node_facts_paths) must list them.
        type: dict
        default: {}
      install_gib:
        description:
          - Directories and the free space in GiB that each release of SGLang needs which is still to be installed.
            C(node_facts_paths) must list them.
        type: dict
        default: {}
      resolver_seconds:
        description: How long in seconds a reverse lookup may take.
        type: float
        default: 2
      clock_seconds:
        description: How far in seconds the clock may be off.
        type: float
        default: 1
      prune:
        description:
          - Whether a deploy stops the units of this collection that are not in the plan any more. Then the ports and
            GPUs that they use count as free.
        type: bool
        default: true
  same:
    description:
      - Compare the hosts of each deployment that are in the play. The findings cover all hosts that differ from the
        majority, so set C(run_once).
      - V(runtime) also reads C(sglang_runtime_result), which the role C(sglang_runtime) registers on each host.
    type: list
    elements: str
    choices: [machine, gpu, driver, nccl, runtime, sysctl, mtu, kernel]
    default: []
seealso:
  - module: multinode.sglang.preflight
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Check the driver of this host
  multinode.sglang.host_check:
    driver: {minimum: 580.65.06}
  register: driver_check
  failed_when: driver_check.findings | length > 0

- name: Compare drivers and Python packages of all hosts
  multinode.sglang.host_check:
    same: [driver, runtime]
  register: same_check
  run_once: true
"""

RETURN = r"""
checked:
  description: The options whose checks apply to this host.
  returned: always
  type: list
  elements: str
  sample: [driver]
findings:
  description: The checks that failed.
  returned: always
  type: list
  elements: dict
  contains:
    host:
      description: The host.
      type: str
    area:
      description: The column in the table of M(multinode.sglang.preflight).
      type: str
    check:
      description: The check that failed.
      type: str
    found:
      description: What the host has.
      type: str
    expected:
      description: What was expected. Empty where RV(findings[].found) is enough.
      type: str
    fix:
      description: How to fix it.
      type: str
    fixed_by:
      description: Who can fix it, the role that checks this by V(install) or V(reboot), or only the V(user).
      type: str
    severity:
      description: V(error) or V(warning).
      type: str
    text:
      description: The whole sentence.
      type: str
  sample:
    - host: gpu02
      area: driver
      check: old
      found: NVIDIA driver 570.172.08
      expected: 580.65.06 or later
      fix: "deploy with nvidia_driver_install: true, or install the driver by other means"
      fixed_by: install
      severity: error
      text: >-
        gpu02  NVIDIA driver 570.172.08 (expected 580.65.06 or later). Fix: deploy with nvidia_driver_install: true, or
        install the driver by other means
"""
