# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Brings directories to hosts as verified releases, and switches to them
version_added: "1.0.0"
description:
  - A release is a copy of a directory under the SHA-256 of its manifest, V(STORE/releases/DIGEST). The link V(STORE/current) leads to
    the one that is used.
  - The work is done in steps, each on all hosts before the next, so that no host switches before every host has verified. Between
    them M(multinode.sglang.release_run) compares the hosts.
  - O(step=look) says what is to be copied. O(step=start) starts the copies in the background and O(step=follow) waits for them and
    prints how far they are. O(step=publish) switches. O(step=verify) compares the current release with its manifest.
  - Every host starts before any host is waited for. So hosts that get their data from each other never wait for one that Ansible
    has not come to, however many forks it has.
extends_documentation_fragment:
  - multinode.sglang._attributes
  - multinode.sglang._release
attributes:
  check_mode:
    support: full
    details:
      - O(step=start) and O(step=follow) do nothing in check mode; O(step=look) says what would be copied.
  diff_mode:
    support: partial
    details:
      - O(step=look) and O(step=publish) show which release is the current one.
  idempotent:
    support: full
options:
  releases:
    description:
      - The releases of this host. Each has C(name), which is a part of the name of a service, C(store), the directory for it, and
        C(source), the directory that it is a copy of.
      - C(expected) is the digest that the source must have, C(release) one to go to without looking at the source (V(previous) or a
        digest), C(keep) how many releases stay, C(address) and C(port) where other hosts of the run reach this one.
      - C(exact) keeps links and execute permissions, for directories other than weights. C(threads), C(memory) in MiB, C(reserve) in
        MiB that stay free, and C(stall) in seconds that the source may be silent are limits of the copy.
    type: list
    elements: dict
    required: true
  run:
    description: With O(step=start), O(step=follow) and O(step=publish), the result of M(multinode.sglang.release_run).
    type: dict
    default: {}
  slice:
    description: How long in seconds one remote call waits for the end of a copy.
    type: float
    default: 5
  progress:
    description: How often in seconds to print how far a copy is.
    type: float
    default: 15
  silence:
    description:
      - How long in seconds a copy may tell nothing at all before it is given up. It tells nothing while it reads a damaged release again.
    type: float
    default: 1800
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Look at what is to be done
  multinode.sglang.release:
    step: look
    releases: "{{ my_releases }}"
  register: my_look

- name: Decide who copies from whom
  multinode.sglang.release_run:
    register: my_look
  run_once: true
  register: my_run

- name: Start all copies
  multinode.sglang.release:
    step: start
    releases: "{{ my_releases }}"
    run: "{{ my_run }}"

- name: Wait for them
  multinode.sglang.release:
    step: follow
    releases: "{{ my_releases }}"
    run: "{{ my_run }}"
  register: my_copies
"""

RETURN = r"""
releases:
  description: What is known about each release, by name. Its values depend on O(step).
  returned: success
  type: dict
  contains:
    digest:
      description: The release, empty where it is known only after the copy.
      type: str
    missing:
      description: With O(step=look), whether something is to be copied.
      type: bool
    current:
      description: With O(step=look), the release that the link C(current) leads to.
      type: str
    path:
      description: With O(step=publish), the directory of the release.
      type: str
    ok:
      description: With O(step=verify), whether the release is what its manifest says.
      type: bool
    problems:
      description: With O(step=verify), path to what is wrong with the file.
      type: dict
  sample: {"llama": {"digest": "9f86d08188", "missing": false, "current": "9f86d08188"}}
actions:
  description: What was done, or would be done, in words.
  returned: success
  type: list
  elements: str
  sample: ["llama: copy 12 files, 15.20 GB, to /data/models/llama"]
"""
