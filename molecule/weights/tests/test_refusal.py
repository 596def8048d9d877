# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that cannot have the new weights, and a file server that is gone."""

import pytest
from conftest import STORE


@pytest.fixture
def full_disk(hosts, weights):
    """Let one host keep what it has, with other weights on the file server."""
    weights.renew()
    hosts.run("node2", "mount", "--bind", STORE, STORE)
    hosts.run("node2", "mount", "-o", "remount,bind,ro", STORE)
    yield
    hosts.run("node2", "umount", STORE)


@pytest.fixture
def dead_server(hosts):
    """Stop the file server."""
    hosts.run("nfs1", "systemctl", "stop", "nfs-ganesha")
    yield
    hosts.run("nfs1", "systemctl", "start", "nfs-ganesha")


@pytest.fixture
def silent_server(hosts):
    """Let the kernel take connections for a file server that does nothing any more."""
    hosts.run("nfs1", "systemctl", "kill", "--signal=STOP", "nfs-ganesha")
    yield
    hosts.run("nfs1", "systemctl", "kill", "--signal=CONT", "nfs-ganesha")


@pytest.mark.usefixtures("full_disk")
def test_a_host_that_cannot_write_keeps_all_on_what_they_have(weights, tiny, playbook):
    digest, before = weights.digest(), tiny.started()
    play = playbook("deploy", succeeds=False)
    assert "No host was switched." in play.output
    assert "Read-only file system" in play.output
    assert weights.digest() == digest == weights.served_by(tiny)
    assert tiny.started() == before
    assert tiny.answers()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("dead_server", "the NFS server nfs1 accepts no connection on port 2049"),
        ("silent_server", "the NFS server nfs1 accepts connections on port 2049 and does not answer within 15 s"),
    ],
)
def test_a_file_server_that_is_gone_is_a_sentence_and_no_wait(request, weights, tiny, playbook, fault, said):
    digest = weights.digest()
    request.getfixturevalue(fault)
    play = playbook("weights", succeeds=False)
    assert said in play.output
    assert play.seconds < 60
    assert weights.digest() == digest
    assert tiny.answers()
