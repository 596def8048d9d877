# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A byte of a shard is flipped on one host, with size and time kept."""

from conftest import SHARD, STORE

FLIP = """
import os, sys
before = os.stat(sys.argv[1])
with open(sys.argv[1], "r+b") as shard:
    shard.seek(100_000)
    byte = shard.read(1)
    shard.seek(100_000)
    shard.write(bytes([byte[0] ^ 1]))
os.utime(sys.argv[1], ns=(before.st_atime_ns, before.st_mtime_ns))
"""
FULL = ("-e", "model_weights_full=true")


def test_hosts_with_the_same_release_are_reported_with_it(weights, playbook):
    for words in ([], FULL):
        play = playbook("verify_weights", *words)
        assert f"tiny: release {weights.digest()} on 2 hosts, verified" in play.output
        assert "All hosts have the same releases" in play.output


def test_the_host_and_the_file_are_named(hosts, weights, playbook):
    hosts.run("node2", "python3", "-c", FLIP, f"{STORE}/releases/{weights.digest()}/{SHARD}")
    play = playbook("verify_weights", *FULL, succeeds=False)
    assert f"node2  tiny: {SHARD}: damaged in" in play.output
    assert "node1  tiny:" not in play.output


def test_the_next_run_repairs_it_under_the_server(weights, tiny, playbook):
    before, digest = tiny.started(), weights.digest()
    assert playbook("weights").count("changed")["node2"] > 0
    playbook("verify_weights", *FULL)
    assert weights.digest() == digest
    assert tiny.started() == before
    assert tiny.answers()
