# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other weights come to the file server; then the deployment goes back to those before."""

import re

UNIT = "/etc/systemd/system/{}.service"


def test_a_check_says_who_would_start_again(weights, tiny, local, playbook):
    digest = weights.digest()
    weights.renew()
    play = playbook("deploy", "--check")
    assert set(re.findall(r"(node\d): tiny: copy 6 files", play.output)) == {"node1", "node2"}
    assert "/data/models/tiny/releases/known-when-copied" in play.output
    assert f"write {UNIT.format(tiny.unit)}" in play.output
    assert f"write {UNIT.format(local.unit)}" not in play.output
    assert weights.digest() == digest


def test_a_new_release_restarts_its_servers_and_no_other(hosts, weights, tiny, local, playbook):
    digest, before, other = weights.digest(), tiny.started(), local.started()
    play = playbook("deploy")
    # By the first host, and by the witness.
    assert "read from the source (2.00 of its size)" in play.output
    assert weights.digest() != digest
    assert weights.links("previous") == dict.fromkeys(tiny.ranks, digest)
    assert all(now > then for now, then in zip(tiny.started(), before, strict=True))
    assert local.started() == other
    assert weights.served_by(tiny) == weights.digest()
    for host in tiny.ranks:
        hosts.run(host, "test", "-d", f"/data/models/tiny/releases/{digest}")


def test_the_way_back_is_a_restart_and_nothing_is_copied(weights, tiny, local, playbook):
    digest, before, other = weights.links("previous")["node1"], tiny.started(), local.started()
    back = ("-e", "tiny_release=previous")
    check = playbook("deploy", "--check", *back)
    assert f"/data/models/tiny/releases/{digest}" in check.diff()
    assert weights.digest() != digest
    play = playbook("deploy", *back)
    assert "read from the source" not in play.output
    assert weights.digest() == digest == weights.served_by(tiny)
    assert all(now > then for now, then in zip(tiny.started(), before, strict=True))
    assert local.started() == other


def test_going_back_again_changes_nothing(weights, tiny, playbook):
    digest, before = weights.digest(), tiny.started()
    for name in ("weights", "deploy"):
        again = playbook(name, "-e", "tiny_release=previous")
        assert f"tiny: stays on {digest}" in again.output
        assert set(again.count("changed").values()) == {0}, again.diff()
    assert weights.digest() == digest
    assert tiny.started() == before
